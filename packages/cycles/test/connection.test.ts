import { ResponseFormatError } from "@imprest/core";
import { type DecisionResponse, decisionResponse } from "@imprest/core/models/cycles";
import { CyclesError, metadataOf } from "@imprest/cycles";
import { CyclesConnection, type Operation } from "@imprest/cycles/internal";
import { expect, it } from "vitest";
import { serveStub } from "./support/msw-authority.ts";
import { refusal } from "./support/stub-authority.ts";

const decide: Operation<DecisionResponse> = { name: "decide", status: 200, schema: decisionResponse };
const write = { path: "/v1/decide", body: '{"already":"written",  "to":"the byte"}', idempotencyKey: "key-1" };

it("sends a write in the caller's own bytes, under the key and the credential, and reads the typed answer", async () => {
  const stub = serveStub(() => ({ body: { decision: "ALLOW" }, headers: { "x-request-id": "req_7" } }));
  const connection = new CyclesConnection({ ...stub.at, apiKey: "test-key" });
  const answer = await connection.write(decide, write);
  expect(answer).toEqual({ decision: "ALLOW" });
  expect(metadataOf(answer)).toMatchObject({ status: 200, idempotencyKey: "key-1", requestId: "req_7" });
  expect(stub.received).toMatchObject([
    {
      method: "POST",
      path: "/v1/decide",
      body: write.body,
      headers: { "x-idempotency-key": "key-1", "x-cycles-api-key": "test-key" },
    },
  ]);
});

it("a refusal is a typed error, and what is no answer of the operation a ResponseFormatError", async () => {
  const answers = [refusal(409, "BUDGET_EXCEEDED"), { status: 201, body: { decision: "ALLOW" } }, { body: { no: 1 } }];
  const stub = serveStub((_request, count) => answers[count - 1] ?? {});
  const connection = new CyclesConnection({ ...stub.at, apiKey: "test-key" });
  await expect(connection.write(decide, write)).rejects.toBeInstanceOf(CyclesError);
  await expect(connection.write(decide, write)).rejects.toBeInstanceOf(ResponseFormatError);
  await expect(connection.write(decide, write)).rejects.toBeInstanceOf(ResponseFormatError);
});
