import { fork } from "node:child_process";

/** Another process of this folder: the other side of a connection, or something that is measured alone. */
export interface Peer<Told> extends Disposable {
  /** The first thing it said. */
  readonly told: Told;
  /** Asks, and waits for what it says next. */
  ask<Answer>(question: unknown): Promise<Answer>;
}

/** Starts a file of this folder in a process of its own, which ends with its scope or with this process. */
export async function startPeer<Told>(file: string, ...args: readonly string[]): Promise<Peer<Told>> {
  const execArgv = ["--conditions=@imprest/source", "--expose-gc"];
  const child = fork(new URL(file, import.meta.url), args, { execArgv });
  const next = <Said>(): Promise<Said> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${file} ended with code ${code}`));
      child.once("exit", ended);
      child.once("message", (said) => {
        child.off("exit", ended);
        resolve(said as Said);
      });
    });
  return {
    told: await next<Told>(),
    ask(question) {
      const answer = next<never>();
      child.send(question as object);
      return answer;
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

/** A Cycles server and a payment provider that do nothing but answer. */
export function startStub(): Promise<Peer<{ readonly url: string }>> {
  return startPeer("stub-server.ts");
}

/** What a peer does: sends something, then answers each question. */
export function bePeer(told: unknown, answer: (question: unknown) => unknown): void {
  process.on("disconnect", () => process.exit());
  process.on("message", (question) => {
    void Promise.resolve(answer(question)).then((said) => process.send?.(said));
  });
  process.send?.(told);
}
