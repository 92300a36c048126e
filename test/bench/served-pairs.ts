import { rawPair } from "./guarded-pairs.ts";
import { type Effort, type Group, compare, timed } from "./measure.ts";
import { startPeer } from "./peer.ts";
import { scratchFolder } from "./scratch-folder.ts";
import { usageOf } from "./usage.ts";

const inFlight = 64;

/** What one served authority answers to raw requests. CPU and event loop are the server's. */
export async function* servedPairs(effort: Effort): AsyncGenerator<Group> {
  await using ends = new AsyncDisposableStack();
  const folder = ends.use(await scratchFolder());
  const count = effort.count(6_000);
  const modeOf = async (file: string, ...args: readonly string[]) => {
    const peer = ends.use(await startPeer<{ readonly url: string; readonly key?: string }>(file, ...args));
    const { url, key } = peer.told;
    return usageOf(peer, count, timed(rawPair(url, key), { count, inFlight }));
  };
  yield await compare(
    { title: `pairs served over HTTP, ${inFlight} in flight`, unit: "pairs/s", rounds: effort.rounds(5) },
    {
      "raw node:http, fixed answers": await modeOf("stub-server.ts"),
      "authority, in memory": await modeOf("authority-server.ts"),
      "authority, SQLite": await modeOf("authority-server.ts", folder.pathOf("ledger.sqlite")),
    },
  );
}
