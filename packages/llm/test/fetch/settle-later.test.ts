import { adopt, usd } from "@imprest/core";
import { type GuardReport, denialOf, guardFetch } from "@imprest/llm";
import { expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { events, forever, json, post, provider } from "./provider.ts";

// What is answered at once and worked on later: a background response, a batch.

const responses = "https://api.openai.com/v1/responses";
const background = { model: "gpt-4o", max_output_tokens: 50, input: "Hi", background: true };
const params = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const estimateOf = (body: object): number => JSON.stringify(body).length + 256 + 50;

it("a background response is handed over before its caller has the answer, and settled when it is done", async () => {
  const books = await openBooks();
  const { fetch } = provider(() => json({ id: "resp_1", status: "queued", usage: null }));
  const kept = new Map<unknown, string>();
  const settleLater = async (exported: string, request: { model: string }, answer?: object): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    kept.set(`${request.model} ${JSON.stringify(answer)}`, exported);
  };
  const response = await guardFetch(books.authority, { prices, fetch, settleLater })(responses, post(background));
  expect(await response.json()).toMatchObject({ id: "resp_1" });
  expect([...kept.keys()]).toEqual(['gpt-4o {"id":"resp_1","status":"queued","usage":null}']);
  expect(await books.read()).toEqual({ spent: 0, reserved: estimateOf(background) });
  const reservation = await adopt(books.authority, [...kept.values()][0] ?? "");
  await reservation.commit(usd(12));
  expect(await books.read()).toEqual({ spent: 12, reserved: 0 });
});

it("a background stream is handed over as well: who settles it learns of its end elsewhere", async () => {
  const books = await openBooks();
  const { fetch } = provider(() => events("data: {}\n\n", forever));
  const exported: string[] = [];
  const settleLater = (text: string): void => void exported.push(text);
  const body = { ...background, stream: true };
  const response = await guardFetch(books.authority, { prices, fetch, settleLater })(responses, post(body));
  await response.body?.cancel();
  expect(exported).toHaveLength(1);
  expect((await books.read()).reserved).toBe(estimateOf(body));
});

it("where the settler fails, the estimate is committed and reported, and the answer handed out: the work goes on", async () => {
  const books = await openBooks();
  const { fetch } = provider(() => json({ id: "resp_1" }));
  const reports: GuardReport[] = [];
  const settleLater = (): never => {
    throw new Error("the database is away");
  };
  const onReport = (report: GuardReport): unknown => reports.push(report);
  const response = await guardFetch(books.authority, { prices, fetch, settleLater, onReport })(
    responses,
    post(background),
  );
  expect(response.status).toBe(200);
  expect(reports).toMatchObject([{ kind: "settler-failed", error: { message: "the database is away" } }]);
  expect(await books.read()).toEqual({ spent: estimateOf(background), reserved: 0 });
});

it("one that the provider refuses is settled at once, as any other", async () => {
  const books = await openBooks();
  const { fetch } = provider(() => json({ error: { message: "no" } }, 400));
  const settleLater = (): never => expect.fail("it was handed over");
  await guardFetch(books.authority, { prices, fetch, settleLater })(responses, post(background));
  expect(books.settlements()).toEqual(["released"]);
});

it.each([
  [
    "Anthropic's batch",
    "https://api.anthropic.com/v1/messages/batches",
    { requests: [{ params }, { params: { ...params, model: "claude-3-haiku" } }] },
    estimateOf(params) + estimateOf({ ...params, model: "claude-3-haiku" }),
  ],
  [
    "Gemini's batch",
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:batchGenerateContent",
    {
      batch: {
        inputConfig: { requests: { requests: [{ request: { contents: [] } }, { request: { contents: [] } }] } },
      },
    },
    2 * (JSON.stringify({ contents: [] }).length + 256 + 100),
  ],
])("%s holds the sum of what its requests can cost", async (_whose, url, body, estimate) => {
  const books = await openBooks();
  const { fetch } = provider(() => json({ id: "batch_1" }));
  await guardFetch(books.authority, { prices, fetch, settleLater: () => {} })(url, post(body));
  expect((await books.read()).reserved).toBe(estimate);
});

it("a batch with a request that has no price is refused whole", async () => {
  const books = await openBooks();
  const { fetch, reached } = provider(() => json({ id: "batch_1" }));
  const body = { requests: [{ params }, { params: { ...params, model: "gpt-9" } }] };
  const url = "https://api.anthropic.com/v1/messages/batches";
  const response = await guardFetch(books.authority, { prices, fetch, settleLater: () => {} })(url, post(body));
  expect(denialOf(await response.json())?.message).toMatch(/"gpt-9" has no price/);
  expect(reached).toEqual([]);
});
