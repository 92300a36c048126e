import { describe, expect, it } from "vitest";
import { waitingOf } from "../../src/settlement/waiting.ts";

const instruction = {
  protocol: "cycles",
  target: "https://a.example#acme",
  reservationId: "rsv_1",
  idempotencyKey: "key",
  kind: "commit",
  mode: "commit",
  body: "{}",
  recordedAtMs: 1,
  notBeforeMs: 0,
} as const;
const letter = { kind: "refused", protocol: "cycles", reservationId: "rsv_1", idempotencyKey: "key", recordedAtMs: 1 };

describe("a record of any store", () => {
  it("is a settlement that waits where its key and its value are of one", () => {
    const key = "settlement:cycles:https://a.example#acme:rsv_1:key:commit:?";
    expect(waitingOf({ key, value: instruction, version: "1" })).toEqual({ state: "pending", key, instruction });
  });

  it("is a dead letter by its key alone, so that none that is damaged is hidden", () => {
    const key = "dead-letter:cycles:https://a.example#acme:rsv_1:key:spent:5";
    const read = waitingOf({ key, value: { ...letter, reason: "no" }, version: "1" });
    expect(read).toMatchObject({ state: "dead-letter", key, letter: { id: key, kind: "refused", reason: "no" } });
    expect(waitingOf({ key, value: 7, version: "1" })).toMatchObject({
      state: "dead-letter",
      key,
      letter: { id: key },
    });
  });

  it.each([
    [
      "a settlement that this version cannot read",
      "settlement:cycles:x:rsv_1:key:commit:?",
      { ...instruction, mode: 1 },
    ],
    ["a settlement under another key", "claim:settlement:", instruction],
    ["a letter under another key", "claim:dead-letter:", letter],
  ])("is nothing that waits where it is %s", (_what, key, value) => {
    expect(waitingOf({ key, value, version: "1" })).toBeUndefined();
  });
});
