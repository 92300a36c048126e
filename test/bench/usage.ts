import { type Mode, type Usage, watch } from "./measure.ts";
import type { Peer } from "./peer.ts";

/** The same mode, with what the peer used of CPU and event loop in place of what this process used. */
export function usageOf(peer: Peer<unknown>, count: number, mode: Mode): Mode {
  return async () => {
    await peer.ask("start");
    const { value } = await mode();
    const { cpuMicros, loopP99Ms } = await peer.ask<Usage>("stop");
    return { value, cpuMicros: cpuMicros / count, loopP99Ms };
  };
}

/** The peer's side of it. */
export function answerUsage(): (question: unknown) => unknown {
  let stop = watch();
  return (question) => {
    if (question === "stop") return stop();
    stop = watch();
    return "started";
  };
}
