import { type Amount, type Clock, ConfigurationError, systemClock } from "@imprest/core";
import { refuseUnknownOptions, sleep, wholeOption } from "@imprest/core/internal";
import { type ModelCall, createCallLog } from "./calls.ts";
import {
  type Delivery,
  breakOff,
  connectionError,
  errorBody,
  failureResponse,
  jsonResponse,
  streamResponse,
} from "./deliver.ts";
import type { Answer, Directive, Fault, Script } from "./directive.ts";
import { freeAnswer } from "./free.ts";
import { type ProviderPrices, readTariff } from "./prices.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { type ArrivedRequest, readRequest } from "./request.ts";
import { createScripts } from "./scripts.ts";
import { type CountTokens, countTokens } from "./tokens.ts";
import { type ServedModel, answerCounts, promptCounts, unpricedOf, workOn } from "./work.ts";
import type { Arrived, Wire } from "./wires/wire.ts";
import { wireFor } from "./wires/wires.ts";

/** What the provider serves. */
export interface ModelProviderOptions {
  /** What each model costs, in the form that `createPriceTable` of `@imprest/llm` takes: a test writes it once for both. */
  readonly prices: Readonly<Record<string, ProviderPrices>>;
  /** What a model answers where no directive says it: the place for an agent's tool calls. */
  readonly answer?: ((request: ModelRequest) => Answer) | undefined;
  /** How tokens are counted. By default: four ASCII characters to a token, every other byte one. */
  readonly tokens?: CountTokens | undefined;
  /** Tokens of a picture. By default: 1,056. */
  readonly imageTokens?: number | undefined;
  /** How many calls are remembered; the bill knows them all. By default: 1,000. */
  readonly history?: number | undefined;
  /** Of the delays. By default: the system's. */
  readonly clock?: Clock | undefined;
}

/** A request as `answer` sees it. */
export type ModelRequest = Pick<ModelCall, "wire" | "model" | "body" | "script" | "attempt">;

/** A stand-in for model providers, with its own books. */
export interface ModelProvider {
  /** Answers requests to OpenAI, Anthropic and Gemini at any host; an SDK takes it as its `fetch`. */
  readonly fetch: typeof globalThis.fetch;
  /** All that the provider charges, by its own arithmetic. */
  readonly bill: Amount;
  /** The latest requests, oldest first, and what each is charged. */
  readonly calls: readonly ModelCall[];
  /** Directs the next requests that name no script, in turn. */
  next(...directives: readonly Directive[]): void;
  /**
   * Directs every request that names the script: in its header `x-model-script`, or with the words `model-script:<name>`
   * anywhere in its body, as in a prompt. So a test reaches the second attempt that an SDK makes by itself.
   */
  script(name: string, script: Script): void;
}

const known: ReadonlySet<string> = new Set(["prices", "answer", "tokens", "imageTokens", "history", "clock"]);

/**
 * Creates a provider that answers the wires of OpenAI (chat, responses, embeddings, images), Anthropic and Gemini, charges
 * what it does and does what a directive says: no network, and no SDK.
 * @throws ConfigurationError for a price that is no plain decimal, and for an option or a price that there is not.
 * @example
 * const prices = { "gpt-5": { input: "1.25", output: "10.00" } };
 * const provider = createModelProvider({ prices });
 * provider.next({ fault: { kind: "status", status: 429 } }, { text: "Hello." });
 * const client = new OpenAI({ apiKey: "test", fetch: provider.fetch });
 * await client.chat.completions.create({ model: "gpt-5", messages: [{ role: "user", content: "Hi" }] });
 * provider.bill; // what the second attempt costs
 */
export function createModelProvider(options: ModelProviderOptions): ModelProvider {
  refuseUnknownOptions(options, known);
  const { prices, answer = () => ({}), tokens: count = countTokens, clock = systemClock } = options;
  const imageTokens = wholeOption("imageTokens", options.imageTokens, 1_056, 1_000_000);
  const log = createCallLog(wholeOption("history", options.history, 1_000, 1_000_000));
  const models = new Map(
    Object.entries(prices).map(([model, entry]): [string, ServedModel] => {
      return [model, { tariff: readTariff(model, entry), count, imageTokens }];
    }),
  );
  const cache = createPromptCache();
  const scripts = createScripts();
  let made = 0;

  const respond = async (arrived: ArrivedRequest, signal: AbortSignal): Promise<Response> => {
    const free = freeAnswer(arrived, [...models.keys()], count);
    if (free) return free;
    const wire = wireFor(arrived);
    if (!wire) return new Response("There is no such endpoint.\n", { status: 404 });
    const asked = arrived.body === undefined ? undefined : wire.read({ ...arrived, body: arrived.body });
    const { directive, script, attempt } = scripts.take(arrived);
    const request = { wire: wire.name, model: asked?.model ?? "", body: arrived.body ?? {}, script, attempt };
    const call = log.open({ ...request, path: arrived.path, headers: arrived.headers }, arrived.bytes);
    const delivery: Delivery = { call, directive, clock, signal };
    const fail = (fault: Extract<Fault, { kind: "status" }>, message?: string): Response =>
      failureResponse(wire, fault, delivery, message);
    const { fault } = directive;
    if (fault?.kind === "unreachable") throw lost(delivery, "ECONNREFUSED");
    if (fault?.kind === "lost" && fault.when === "before-work") throw lost(delivery, "ECONNRESET");
    if (fault?.kind === "status" && fault.billed !== true) return fail(fault);
    if (!asked) return fail({ kind: "status", status: arrived.isTooLong ? 413 : 400 }, "The body is not readable.");
    const model = models.get(asked.model);
    if (!model) return fail({ kind: "status", status: 404 }, `"${asked.model}" is none of the provider's models.`);

    const said = { ...answer(request), ...directive };
    made += 1;
    const stamp = { id: `imprest${made}`, created: Math.floor(clock.now() / 1_000) };
    const work = workOn(asked, said, model, cache, stamp);
    const unpriced = unpricedOf(asked, work, model.tariff);
    if (unpriced !== undefined) {
      call.end("lost");
      throw new ConfigurationError(`The provider needs a price for ${unpriced} of "${asked.model}"; add it to prices.`);
    }
    if (fault?.kind === "error-event" && !asked.isStream) return errorBody(wire, delivery);
    // A stream is charged as it is read; what is no stream is worked on whether its client waits or not.
    call.charge(model.tariff, promptCounts(work, model.tariff));
    const isWhole = !asked.isStream || fault?.kind === "status" || (fault !== undefined && isBefore(fault));
    if (isWhole) call.charge(model.tariff, answerCounts(work, asked, model.tariff));
    await wait(delivery);
    if (fault?.kind === "status") return fail(fault);
    if (fault?.kind === "lost" && fault.when === "after-work") throw lost(delivery, "ECONNRESET");
    if (fault?.kind === "silent" && fault.when === "before-answer") {
      await breakOff(fault, signal).finally(() => call.end("left"));
    }
    if (!asked.isStream) return jsonResponse(wire.answer(asked, work), delivery);
    return streamResponse(wire.events(asked, work), wire, isArray(wire, arrived), model.tariff, delivery);
  };

  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      // The signal of a request made here ends with it: once it is collected, Node forwards no abort. The caller's own stays.
      const signal = init?.signal ?? (input instanceof Request ? input.signal : new AbortController().signal);
      const response = await respond(await readRequest(request), signal);
      // A response made by hand has no address; `fetch` gives it one.
      return Object.defineProperty(response, "url", { value: request.url });
    },
    get bill() {
      return log.bill();
    },
    get calls() {
      return log.calls();
    },
    next: (...directives) => scripts.next(directives),
    script: (name, script) => scripts.add(name, script),
  };
}

function lost({ call }: Delivery, code: "ECONNREFUSED" | "ECONNRESET"): TypeError {
  call.end("lost");
  return connectionError(code);
}

/** Whether the whole work is done and none of it is answered. */
function isBefore(fault: Fault): boolean {
  return "when" in fault && (fault.when === "after-work" || fault.when === "before-answer");
}

function isArray(wire: Wire, arrived: Pick<Arrived, "query">): boolean {
  return wire.isEventStream !== undefined && !wire.isEventStream(arrived);
}

/** @throws the client's reason where it leaves meanwhile. */
async function wait({ call, directive, clock, signal }: Delivery): Promise<void> {
  const { delayMs = 0 } = directive;
  try {
    if (delayMs > 0) await sleep(clock, delayMs, signal);
    signal.throwIfAborted();
  } catch {
    call.end("left");
    throw signal.reason;
  }
}
