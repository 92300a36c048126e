import { type Effort, type Group, type Mode, compare } from "./measure.ts";
import { memoryCases } from "./memory-cases.ts";
import { startPeer } from "./peer.ts";

/**
 * The heap after each 200,000 of 1,000,000 operations, each kind in a process of its own. The 200,000 before them, the
 * warm-up, fill what is remembered by design.
 */
export async function* memory(effort: Effort): AsyncGenerator<Group> {
  using ends = new DisposableStack();
  const operations = effort.count(200_000);
  const modes: Record<string, Mode> = {};
  for (const name of Object.keys(memoryCases)) {
    const peer = ends.use(await startPeer("memory-worker.ts", name));
    modes[name] = async () => ({ value: await peer.ask<number>(operations) });
  }
  const rounds = effort.rounds(5);
  const title = `heap during ${operations * rounds} operations, after each ${operations}`;
  yield await compare({ title, unit: "MiB", rounds, atOnce: true }, modes);
}
