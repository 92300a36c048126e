import { AbortedError, type Clock, ConnectionError, type HttpResponse, VerificationError } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { fetchEvidence } from "../../src/evidence/index.ts";

const url = "https://cycles.example/v1/evidence/abc";
const reference = { evidence_id: "abc", cycles_evidence_url: url };

/** Time that passes only by waiting. */
function setUp(answers: readonly (number | Error)[]) {
  let nowMs = 0;
  const waits: number[] = [];
  const asked: string[] = [];
  const pending = new Map<object, { readonly callback: () => void; readonly delayMs: number }>();
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { clear: () => void pending.delete(timer) };
      pending.set(timer, { callback, delayMs });
      // The timer of an exchange is cleared before this comes up; the pause between two is not.
      setImmediate(() => {
        if (!pending.delete(timer)) return;
        nowMs += delayMs;
        waits.push(delayMs);
        callback();
      });
      return timer;
    },
  };
  const transport = async (request: { url: string }): Promise<HttpResponse> => {
    asked.push(request.url);
    const answer = answers[Math.min(asked.length, answers.length) - 1] ?? 200;
    if (typeof answer !== "number") throw answer;
    return { status: answer, headers: {}, body: answer === 200 ? "the envelope" : "" };
  };
  return { options: { trustedOrigins: ["https://cycles.example"], clock, transport }, waits, asked };
}

describe("fetchEvidence", () => {
  it("asks again while the authority has not signed yet", async () => {
    const { options, waits, asked } = setUp([404, 404, 404, 200]);
    expect(await fetchEvidence(reference, options)).toBe("the envelope");
    expect(asked).toEqual([url, url, url, url]);
    expect(waits).toEqual([250, 500, 1000]);
  });

  it("gives up at its deadline, and says that there is none", async () => {
    const { options, waits } = setUp([404]);
    await expect(fetchEvidence(reference, { ...options, timeoutMs: 10_000 })).rejects.toMatchObject({
      reason: "evidence_not_found",
    });
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(10_000);
    expect(Math.max(...waits)).toBe(4000);
  });

  it("asks again after a broken connection, a 429 and a 503", async () => {
    const { options } = setUp([new ConnectionError("reset"), 429, 503, 200]);
    expect(await fetchEvidence(reference, options)).toBe("the envelope");
  });

  it.each([301, 400, 401, 403, 410])("takes %s for an answer", async (status) => {
    const { options, asked } = setUp([status]);
    await expect(fetchEvidence(reference, options)).rejects.toMatchObject({ reason: "evidence_unavailable" });
    expect(asked).toHaveLength(1);
  });

  it("fetches nothing from an origin that is not trusted", async () => {
    const { options, asked } = setUp([200]);
    for (const other of [
      "https://evil.example/x",
      "http://cycles.example/x",
      "https://a@cycles.example/x",
      "file:///x",
      "",
    ]) {
      const elsewhere = fetchEvidence({ ...reference, cycles_evidence_url: other }, options);
      await expect(elsewhere).rejects.toBeInstanceOf(VerificationError);
      await expect(elsewhere).rejects.toMatchObject({ reason: "origin_not_trusted" });
    }
    expect(asked).toEqual([]);
  });

  it("stops when its caller does", async () => {
    const controller = new AbortController();
    const { options } = setUp([404]);
    const fetching = fetchEvidence(reference, { ...options, signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(fetching).rejects.toBeInstanceOf(AbortedError);
  });
});
