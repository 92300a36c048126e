import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRemoteKeySet } from "@imprest/core/audit";
import type { CyclesEvidenceRef } from "@imprest/core/models/cycles";
import { evidenceJwksUrl, verifyEvidence } from "@imprest/cycles/evidence";
import { afterAll, beforeAll, expect, it } from "vitest";

// Issue 3 §2: a reference that left the authority resolves to an authentic envelope, whenever the authority was killed.

const kills = 10;
const workers = 8;
const serverId = "https://authority.test/v1";
const apiKey = "a-key-for-the-fault-test";
const program = fileURLToPath(new URL("embedded-sqlite-server.ts", import.meta.url));

/** An answer that arrived, and the request that a replay repeats. */
interface Acknowledged {
  readonly path: string;
  readonly body: object;
  readonly reference: CyclesEvidenceRef;
}

let directory: string;
let child: ChildProcess | undefined;
let sequence = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "imprest-evidence-faults-"));
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

/** @returns where it serves. */
async function start(): Promise<string> {
  const args = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning", program];
  child = spawn(process.execPath, [...args, join(directory, "ledger.sqlite"), apiKey, serverId], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("The server has no output.");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return line.toString().trim();
}

async function send(url: string, path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { "X-Cycles-API-Key": apiKey, "Content-Type": "application/json" };
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  return (await response.json()) as Record<string, unknown>;
}

/** Reserves and commits, and notes every answer, until the server is gone. */
async function work(url: string, acknowledged: Acknowledged[]): Promise<never> {
  const spender = { subject: { tenant: "acme", agent: "bot" }, action: { kind: "llm.completion", name: "gpt-5" } };
  const write = async (path: string, more: object): Promise<Record<string, unknown>> => {
    const body = { idempotency_key: `key-${(sequence += 1)}`, ...more };
    const answer = await send(url, path, body);
    acknowledged.push({ path, body, reference: answer["cycles_evidence"] as CyclesEvidenceRef });
    return answer;
  };
  for (;;) {
    const estimate = { unit: "TOKENS", amount: 1 + (sequence % 97) };
    const reserved = await write("/v1/reservations", { ...spender, estimate, ttl_ms: 86_400_000 });
    await write(`/v1/reservations/${String(reserved["reservation_id"])}/commit`, { actual: estimate });
  }
}

it(`every reference that was answered survives ${kills} kills under load, and replays repeat it`, async () => {
  const acknowledged: Acknowledged[] = [];
  for (let round = 0; round < kills; round += 1) {
    const url = await start();
    const load = Array.from({ length: workers }, () => work(url, acknowledged).catch((error: unknown) => error));
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 200));
    child?.kill("SIGKILL");
    await Promise.all(load);
  }
  expect(acknowledged.length).toBeGreaterThan(kills);

  const url = await start();
  const jwks: unknown = await (await fetch(`${url}/v1/.well-known/cycles-jwks.json`)).json();
  const keys = createRemoteKeySet({ trustedOrigins: [], bundle: { [evidenceJwksUrl(serverId)]: jwks } });
  for (const { path, body, reference } of acknowledged) {
    const text = await (await fetch(`${url}/v1/evidence/${reference.evidence_id}`)).text();
    const report = await verifyEvidence(text, { keys, expected: { evidenceId: reference.evidence_id } });
    expect(report).toMatchObject({ disposition: "authentic", findings: [] });
    expect((await send(url, path, body))["cycles_evidence"]).toEqual(reference);
  }
  console.log(`${kills} kills: ${acknowledged.length} references, all authentic`);
});
