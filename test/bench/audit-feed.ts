import { availableParallelism } from "node:os";
import { parseBase64url, utf8 } from "@imprest/core/internal";
import { type JsonObject, canonicalize, keyPairFromSeed, parseStrictJson, publicKeyToJwk } from "@imprest/core/audit";
import { signAuditEvent } from "@imprest/asp/audit";
import { type Terminal, run } from "imprest/cli";

export const origin = "https://authority.example";
const seed = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const signer = { source: `${origin}/asp`, typePrefix: "org.agentspend", kid: "k1", privateKey: seed };
const startMs = Date.parse("2026-06-01T12:00:00Z");
const stepMs = 10;

export async function publicKey(): Promise<Uint8Array<ArrayBuffer>> {
  return (await keyPairFromSeed(seed)).publicKey.slice();
}

export async function publicJwks(): Promise<{ readonly keys: readonly object[] }> {
  return { keys: [publicKeyToJwk(await publicKey(), signer.kid)] };
}

/** What one event of the feed says; events come in pairs, reserve and commit of a decision. */
export function eventAt(at: number): FeedEvent {
  const decision = at >> 1;
  const timeMs = startMs + at * stepMs;
  const decision_id = `018f6b2e-7c1a-7000-8000-${String(decision).padStart(12, "0")}`;
  const common = { decision_id, budget_id: "team", unit: "output_token", reservation_id: `r-${decision}` };
  if (at % 2 === 1) {
    return { verb: "commit", timeMs, data: { ...common, amount_atomic_observed: "700", refund_amount_atomic: "300" } };
  }
  const ttl_expires_at = new Date(timeMs + 600_000).toISOString();
  const data = { ...common, amount_atomic_reserved: "1000", decision: "ALLOW", ttl_expires_at };
  return { verb: "reserve", timeMs, data };
}

interface FeedEvent {
  readonly verb: "reserve" | "commit";
  readonly timeMs: number;
  readonly data: Readonly<Record<string, string>> & { readonly decision_id: string; readonly reservation_id: string };
}

/** Signed events of a feed, from one position to another: one a line. */
export function signedLines(from: number, to: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: to - from }, (_, at) => {
      const { verb, data, timeMs } = eventAt(from + at);
      return signAuditEvent(verb, { ...data }, signer, timeMs);
    }),
  );
}

/** What the signature of a line covers, and the signature. */
export function readSigned(line: string): {
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
} {
  const event = parseStrictJson(line) as JsonObject;
  const written = event["aspsignature"];
  const signature = (typeof written === "string" && parseBase64url(written)) || new Uint8Array();
  const covered = ["data", "datacontenttype", "id", "source", "time", "type"];
  const message = utf8(canonicalize(Object.fromEntries(covered.map((name) => [name, event[name] ?? null]))));
  return { signature: signature.slice(), message: message.slice() };
}

/** `imprest verify` over a feed, on every processor. @throws Error unless all of it is clean. */
export async function imprestVerify(open: () => AsyncIterable<Uint8Array>): Promise<void> {
  const keys = JSON.stringify(await publicJwks());
  const said: string[] = [];
  const terminal: Terminal = {
    write: async (text) => void said.push(String(text)),
    warn: (text) => void said.push(text),
    interactive: false,
    interactiveOutput: false,
    environment: {},
    threads: availableParallelism(),
    signal: new AbortController().signal,
    open: (path) => (path === "feed" ? open() : oneChunk(keys)),
    create: () => ({ write: async () => {}, close: async () => {} }),
  };
  const code = await run(["verify", "feed", "--trust", origin, "--jwks", "keys"], terminal);
  if (code !== 0) throw new Error(`The feed was not clean: ${said.slice(0, 5).join("")}`);
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}
