import type { Answer, AuditDesk, Progress, Question } from "./messages.ts";

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A desk in a worker of its own: one for the life of the page, which may have no network to load another from. */
export function openDesk(onProgress: (progress: Progress) => void): AuditDesk {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, Waiting>();
  let ids = 0;
  let failure: Error | undefined;
  worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
    if (data.kind === "progress") return onProgress(data.progress);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.kind === "value") asked?.resolve(data.value);
    else asked?.reject(new Error(data.message));
  });
  worker.addEventListener("error", () => {
    failure = new Error("The verifier could not be started in this browser.");
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  });
  const ask = (question: Omit<Question, "id">): Promise<never> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      const id = ids++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      worker.postMessage({ ...question, id });
    });
  return {
    inspect: (...given) => ask({ name: "inspect", given }),
    verify: (...given) => ask({ name: "verify", given }),
    rows: (...given) => ask({ name: "rows", given }),
    line: (...given) => ask({ name: "line", given }),
    life: (...given) => ask({ name: "life", given }),
    report: () => ask({ name: "report", given: [] }),
    stop: () => ask({ name: "stop", given: [] }),
  };
}
