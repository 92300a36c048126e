import { utf8 } from "@imprest/core/internal";
import { connect } from "@imprest/arcp";
import { type ArcpServer, receiveJob } from "./arcp.ts";
import { imprestVerify, signedLines } from "./audit-feed.ts";
import { guardedPair } from "./guarded-pairs.ts";
import { barePairs, guardedCall, ledgerPairs } from "./ledger.ts";
import { timed } from "./measure.ts";
import { startPeer, startStub } from "./peer.ts";

/** Does so many operations more. */
export type Continue = (operations: number) => Promise<unknown>;

/** What is watched for its memory, the raw baseline first. */
export const memoryCases: Readonly<Record<string, () => Promise<Continue>>> = {
  "raw Map of bigints": async () => byThousands(barePairs(1_000)),
  "guarded pairs": async () => repeat(guardedPair(await stubUrl()), 64),
  "guarded calls, authority in the process": async () => repeat(await guardedCall(), 1),
  "ledger, reserve and commit": async () => byThousands(ledgerPairs(1_000, "commit")),
  "imprest verify, events of one feed": async () => verifyOneFeed(),
  "ARCP events of a session": async () => {
    const { told } = await startPeer<ArcpServer>("arcp-server.ts");
    const session = await connect(told.url, { token: "bench" });
    return (operations) => receiveJob(session, operations);
  },
};

async function stubUrl(): Promise<string> {
  return (await startStub()).told.url;
}

function byThousands(aThousand: () => void): Continue {
  return async (operations) => {
    for (let done = 0; done < operations; done += 1_000) aThousand();
  };
}

function repeat(operation: () => Promise<unknown>, inFlight: number): Continue {
  return (count) => timed(operation, { count, inFlight })();
}

/** One run of `imprest verify` over a feed that goes on as often as it is asked, signed as it is read. */
function verifyOneFeed(): Continue {
  let wanted = 0;
  let wake: () => void = () => {};
  let reached: () => void = () => {};
  const run = imprestVerify(async function* () {
    for (let at = 0; ;) {
      if (at >= wanted) {
        reached();
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const to = Math.min(at + 2_000, wanted);
      yield utf8(`${(await signedLines(at, to)).join("\n")}\n`);
      at = to;
    }
  });
  return async (operations) => {
    wanted += operations;
    const ready = new Promise<void>((resolve) => (reached = resolve));
    wake();
    // The feed has no end, so that this run ends only by what is wrong with it.
    await Promise.race([ready, run]);
  };
}
