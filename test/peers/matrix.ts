import { usd } from "@imprest/core";
import type { Directive, Fault, ModelProvider } from "@imprest/testing/models";
import { type Bench, openBench } from "./books.ts";
import type { Sdk } from "./sdks.ts";

/** What happens to one call through an SDK. */
export interface Row {
  /** As the table in the docs says it. */
  readonly event: string;
  readonly how: "ask" | "stream";
  /** What the provider does with each attempt in turn; it answers what is left. */
  readonly directives?: readonly Directive[];
  /** `equal`: the provider stated what it charged. `covered`: it did not, so that the ledger holds a bound. */
  readonly books: "equal" | "covered";
  /** The caller aborts a while after its request has arrived, or after the first text. */
  readonly abort?: "in silence" | "first text";
  /** The caller stops reading after the first text. */
  readonly leaves?: true;
  /** Refused by us, before anything is sent: by the budget, for want of a price, or because the body cannot be read. */
  readonly refused?: "budget" | "price" | "body";
}

/** What came of a row. */
export interface Result {
  readonly row: Row;
  readonly attempts: number;
  readonly arrived: number;
  readonly error: unknown;
  readonly bill: bigint;
  readonly spent: bigint;
  readonly reserved: bigint;
  readonly deadLetters: readonly unknown[];
}

/** SDKs that read it retry at once. */
const soon = { "retry-after-ms": "1" };

const status = (code: number, rest: Partial<Extract<Fault, { kind: "status" }>> = {}): Directive => ({
  fault: { kind: "status", status: code, headers: soon, ...rest },
});
const billed = { form: "bare", billed: true } as const;
/** Long enough that a stream can break in the middle of it. */
const long: Directive = { outputTokens: 60 };
const both = (row: Omit<Row, "how">): Row[] => [
  { ...row, how: "ask" },
  { ...row, how: "stream" },
];

/** Declared with the most that can be said of the books; most rows are played once whole and once as a stream. */
export const rows: readonly Row[] = [
  ...both({ event: "answered", books: "equal" }),
  ...both({ event: "answered, reasoning hidden", directives: [{ reasoningTokens: 90 }], books: "equal" }),
  ...both({ event: "ended at its limit", directives: [{ outputTokens: 5_000 }], books: "equal" }),
  ...both({ event: "the model declines", directives: [{ ends: "refusal" }], books: "equal" }),
  ...both({ event: "429, then answered", directives: [status(429)], books: "equal" }),
  ...both({ event: "503, then answered", directives: [status(503)], books: "equal" }),
  ...both({ event: "529 twice, then answered", directives: [status(529), status(529)], books: "equal" }),
  ...both({ event: "500 in the provider's form, then answered", directives: [status(500)], books: "equal" }),
  ...both({ event: "401", directives: [status(401)], books: "equal" }),
  ...both({ event: "bare 500 that is charged, then answered", directives: [status(500, billed)], books: "covered" }),
  ...both({ event: "502 that is charged, then answered", directives: [status(502, billed)], books: "covered" }),
  ...both({
    event: "504 three times, charged each time",
    directives: Array(3).fill(status(504, billed)),
    books: "covered",
  }),
  ...both({ event: "408 that is charged, then answered", directives: [status(408, billed)], books: "covered" }),
  ...both({ event: "no connection, then answered", directives: [{ fault: { kind: "unreachable" } }], books: "equal" }),
  ...both({
    event: "reset before the work, then answered",
    directives: [{ fault: { kind: "lost", when: "before-work" } }],
    books: "covered",
  }),
  ...both({
    event: "reset after the work, then answered",
    directives: [{ fault: { kind: "lost", when: "after-work" } }],
    books: "covered",
  }),
  ...both({
    event: "cut in the middle, then answered",
    directives: [{ ...long, fault: { kind: "lost", when: "mid-answer" } }],
    books: "covered",
  }),
  ...both({
    event: "cut in the middle, reasoning hidden",
    directives: [{ ...long, reasoningTokens: 330, fault: { kind: "lost", when: "mid-answer" } }],
    books: "covered",
  }),
  ...both({ event: "usage left out", directives: [{ usage: "none" }], books: "covered" }),
  ...both({ event: "usage with nulls", directives: [{ usage: nulls }], books: "covered" }),
  ...both({ event: "malformed", directives: [{ ...long, fault: { kind: "malformed" } }], books: "covered" }),
  {
    event: "an error in the middle of a stream",
    how: "stream",
    directives: Array.from({ length: 4 }, () => ({ ...long, fault: { kind: "error-event" } })),
    books: "covered",
  },
  ...both({
    event: "silence until the caller gives up",
    directives: [{ fault: { kind: "silent", when: "before-answer" } }],
    abort: "in silence",
    books: "covered",
  }),
  {
    event: "silence in the middle of a stream",
    how: "stream",
    directives: [{ ...long, fault: { kind: "silent", when: "mid-answer" } }],
    abort: "in silence",
    books: "covered",
  },
  {
    event: "aborted in the middle of a stream",
    how: "stream",
    directives: [{ ...long, eventDelayMs: 20 }],
    abort: "first text",
    books: "covered",
  },
  {
    event: "left in the middle of a stream",
    how: "stream",
    directives: [{ ...long, eventDelayMs: 20 }],
    leaves: true,
    books: "covered",
  },
  ...both({ event: "denied: the budget is spent", refused: "budget", books: "equal" }),
  ...both({ event: "refused: the model has no price", refused: "price", books: "equal" }),
  ...both({ event: "refused: the body cannot be read", refused: "body", books: "equal" }),
];

function nulls(usage: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.keys(usage).map((name) => [name, null]));
}

/** Holds two tokens of any model, and no call. */
const tooLittle = usd("0.00005");

/** Runs a row with books of its own. */
export async function play(sdk: Sdk, row: Row, isServed: boolean): Promise<Result> {
  const bench = await openBench({
    isServed,
    isGarbled: row.refused === "body",
    ...(row.refused === "budget" && { budget: tooLittle }),
    ...(row.refused === "price" && { knownPrices: { other: { input: "1.00", output: "1.00" } } }),
  });
  bench.provider.next(...(row.directives ?? []));
  const error: unknown = await call(sdk, row, bench).then(
    () => undefined,
    (thrown: unknown) => thrown ?? new Error("nothing was thrown"),
  );
  const { spent, reserved, deadLetters } = await bench.closed();
  const { bill, calls } = bench.provider;
  return {
    row,
    error,
    reserved,
    deadLetters,
    attempts: bench.attempts(),
    arrived: calls.length,
    bill: bill.amount,
    spent: spent.amount,
  };
}

async function call(sdk: Sdk, { how, abort, leaves }: Row, bench: Bench): Promise<void> {
  const caller = new AbortController();
  const { signal } = caller;
  const { fetch, bare, adapters } = bench;
  if (abort === "in silence") void arrived(bench.provider).then(() => caller.abort());
  const request = { fetch, bare, adapters, model: sdk.model, prompt: "Say what you are.", maxTokens: 400, signal };
  if (how === "ask") return void (await sdk.ask(request));
  for await (const text of sdk.stream(request)) {
    if (text === "") continue;
    if (leaves) return;
    if (abort === "first text") caller.abort();
  }
}

/** Resolves some time after a request came, long enough that what is not silent would have come. */
async function arrived(provider: ModelProvider): Promise<void> {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  for (let turn = 0; turn < 1_000 && provider.calls.length === 0; turn += 1) await wait(10);
  await wait(200);
}

/** Whether a row means something to an SDK: without a guarded fetch below, nobody of ours reads a body. */
export function concerns({ isAlone }: Sdk, { refused }: Row): boolean {
  return isAlone !== true || refused !== "body";
}

/** The rows that mean the same over a real socket: there, a connection cannot be refused by a directive. */
export const socketRows = rows.filter(({ event, refused }) => !refused && !event.startsWith("no connection"));

/** The table of the docs: a line for each event, a column for each SDK. */
export function tableOf(results: ReadonlyMap<string, readonly Result[]>): string {
  const names = [...results.keys()];
  const cell = (name: string, event: string): string => {
    const ofEvent = (results.get(name) ?? []).filter(({ row }) => row.event === event);
    if (ofEvent.length === 0) return "–";
    return `${signOf(ofEvent)} (${[...new Set(ofEvent.map(({ attempts }) => attempts))].join(", ")})`;
  };
  const events = [...new Set(rows.map(({ event }) => event))];
  const lines = events.map((event) => [event, ...names.map((name) => cell(name, event))]);
  const head = ["", ...names.map((name) => `\`${name}\``)];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function signOf([first]: readonly Result[]): string {
  return first?.row.refused ? "refused" : first?.row.books === "equal" ? "=" : "≥";
}
