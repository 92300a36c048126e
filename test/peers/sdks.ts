import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ModelProvider } from "@imprest/testing/models";
import type { Adapters } from "./books.ts";
import { modulesFolder } from "./install.ts";

/** What a test says to a model through an SDK. */
export interface SdkCall {
  readonly fetch: typeof fetch;
  /** What sends, without a guard: for an adapter that guards alone. */
  readonly bare: typeof fetch;
  readonly adapters: Adapters;
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** A conversation with a model through an SDK, its last message the user's. */
export interface Conversation extends Omit<SdkCall, "prompt"> {
  readonly system: string;
  readonly messages: readonly { readonly role: "user" | "assistant"; readonly content: string }[];
}

/** An SDK, used as its own documentation says. */
export interface Sdk {
  readonly name: string;
  readonly model: string;
  /** No guarded fetch stands below. */
  readonly isAlone?: boolean;
  ask(call: SdkCall): Promise<string>;
  stream(call: SdkCall): AsyncIterable<string>;
  /** The next turn of a conversation, its beginning cached as the provider wants it. */
  turn?(call: Conversation): Promise<string>;
  /** What else the SDK does in one call or in a few, by what it is. */
  readonly also?: Readonly<Record<string, (call: SdkCall & { readonly provider: ModelProvider }) => Promise<unknown>>>;
}

/** The SDKs that `install.ts` has installed before the tests. */
export async function loadSdks(): Promise<readonly Sdk[]> {
  const folder = modulesFolder();
  const loaded = readdirSync(folder).map(
    (file) => import(pathToFileURL(join(folder, file)).href) as Promise<{ readonly sdks: readonly Sdk[] }>,
  );
  return (await Promise.all(loaded)).flatMap(({ sdks }) => sdks);
}
