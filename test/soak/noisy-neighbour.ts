// How long a tenant waits for an answer, alone and beside a tenant that is as much trouble as its key allows.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { usdMicrocents } from "@imprest/core";
import type { CyclesClient } from "@imprest/cycles";

const workers = 16;

/** @param client of the tenant that is measured. @param roundMs of each of the two rounds. @returns the figures, as a line. */
export async function besideNoisyTenant(client: CyclesClient, noisy: Noise, roundMs: number): Promise<string> {
  await measure(client, roundMs / 4);
  const quiet = await measure(client, roundMs);
  const tenant = fork(new URL("./noisy-tenant.ts", import.meta.url), [noisy.url, noisy.key]);
  try {
    await measure(client, roundMs / 4);
    const loud = await measure(client, roundMs);
    const asked = await countsOf(tenant);
    const [quietMs, noisyMs] = [percentile(quiet, 0.99), percentile(loud, 0.99)];
    const figures = `p99 ${quietMs.toFixed(1)} ms alone, ${noisyMs.toFixed(1)} ms beside it`;
    const medians = `p50 ${percentile(quiet, 0.5).toFixed(1)} and ${percentile(loud, 0.5).toFixed(1)} ms`;
    const what = `${asked.denied} denials, ${asked.kept} reserves with 16 kB of metadata, ${asked.unread} lists unread`;
    return `a noisy tenant (${what}): ${figures}, ${medians}; ${quiet.length} and ${loud.length} answers`;
  } finally {
    tenant.kill();
  }
}

interface Noise {
  readonly url: string;
  readonly key: string;
}

async function measure(client: CyclesClient, roundMs: number): Promise<readonly number[]> {
  const untilMs = performance.now() + roundMs;
  const took: number[] = [];
  const timed = async <Answer>(ask: Promise<Answer>): Promise<Answer> => {
    const startedMs = performance.now();
    const answer = await ask;
    took.push(performance.now() - startedMs);
    return answer;
  };
  const subject = { tenant: "acme" };
  const action = { kind: "llm.completion", name: "model" };
  const work = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const estimate = usdMicrocents(1_000n);
      const { reservation_id: id = "" } = await timed(client.createReservation({ subject, action, estimate }));
      await timed(client.releaseReservation(id, {}));
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return took.toSorted((one, other) => one - other);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

async function countsOf(tenant: ChildProcess): Promise<{ denied: number; kept: number; unread: number }> {
  tenant.send("counts");
  const [counts] = (await once(tenant, "message")) as [{ denied: number; kept: number; unread: number }];
  return counts;
}
