import { rename, writeFile } from "node:fs/promises";
import { formatAmount } from "@imprest/core";
import type { Budget } from "../../budget/budget.ts";

/** Keeps a file with how the budget stands, for a status line. It is replaced as a whole, so that no reader sees half of one. */
export function keepGauge(budget: Budget, path: string): () => Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  const write = (): Promise<void> => {
    writing = writing.then(async () => {
      const { limit, spent, reserved, remaining } = await budget.balance();
      const said = Object.entries({ limit, spent, reserved, remaining }).map(([name, one]) => [
        name,
        formatAmount(one),
      ]);
      await writeFile(`${path}.new`, `${JSON.stringify(Object.fromEntries(said))}\n`, { mode: 0o600 });
      await rename(`${path}.new`, path);
    });
    // A gauge that cannot be drawn stops no call.
    return (writing = writing.catch(() => {}));
  };
  const off = budget.on("settled", write);
  void write();
  return async () => {
    off();
    await write();
  };
}
