import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

// Issue 2, done when: killing the SQLite-backed server with SIGKILL 100 times under load loses nothing acknowledged.

const rounds = Number(process.env["IMPREST_KILL_ROUNDS"] ?? 100);
const workers = 12;
const apiKey = "a-key-for-the-fault-test";
const program = fileURLToPath(new URL("embedded-sqlite-server.ts", import.meta.url));

/** A write that was begun: acknowledged when it has an answer, in doubt when it has none. */
interface Write {
  readonly path: string;
  readonly body: { readonly idempotency_key: string };
  answer?: Readonly<Record<string, unknown>> | undefined;
  /** What the ledger has booked once this write is in it. */
  readonly effect: { readonly spent: number; readonly reserved: number };
}

let directory: string;
let child: ChildProcess | undefined;
let baseUrl = "";
let sequence = 0;
let acknowledged = 0;
let inDoubt = 0;
const booked = { spent: 0, reserved: 0 };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "imprest-faults-"));
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

async function start(): Promise<ChildProcess> {
  const args = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning", program];
  const started = spawn(process.execPath, [...args, join(directory, "ledger.sqlite"), apiKey], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await Promise.race([
    once(started.stdout, "data"),
    once(started, "exit").then(([code]) => Promise.reject(new Error(`the server ended with ${String(code)}`))),
  ])) as [Buffer];
  baseUrl = line.toString().trim();
  return started;
}

async function call(path: string, body?: object): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(baseUrl + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "X-Cycles-API-Key": apiKey, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

/** Sends a write and notes its answer. @throws when the server is gone. */
async function send(write: Write): Promise<void> {
  const { status, answer } = await call(write.path, write.body);
  if (status >= 300) throw new Error(`${write.path} was answered ${status}: ${JSON.stringify(answer)}`);
  write.answer = answer;
}

/** Reserves, then commits, releases or leaves it, with an event now and then, until the server is gone. */
async function work(writes: Write[]): Promise<void> {
  const begin = async (path: string, body: object, effect: Write["effect"]): Promise<Write> => {
    const write: Write = { path, body: { idempotency_key: `key-${(sequence += 1)}`, ...body }, effect };
    writes.push(write);
    await send(write);
    return write;
  };
  const spender = { subject: { tenant: "acme", agent: "bot" }, action: { kind: "llm.completion", name: "gpt-5" } };
  for (let turn = 0; ; turn += 1) {
    const amount = 1 + (sequence % 97);
    const estimate = { unit: "TOKENS", amount };
    const reserve = { ...spender, estimate, ttl_ms: 86_400_000 };
    const reserved = await begin("/v1/reservations", reserve, { spent: 0, reserved: amount });
    const path = `/v1/reservations/${String(reserved.answer?.["reservation_id"])}`;
    const kind = turn % 4;
    if (kind < 2) await begin(`${path}/commit`, { actual: estimate }, { spent: amount, reserved: -amount });
    if (kind === 2) await begin(`${path}/release`, {}, { spent: 0, reserved: -amount });
    if (kind === 3) await begin("/v1/events", { ...spender, actual: estimate }, { spent: amount, reserved: 0 });
  }
}

/** Repeats every write of the killed server: what was acknowledged must answer the same, what was not must settle. */
async function verify(writes: readonly Write[]): Promise<void> {
  const lanes = Array.from({ length: workers }, (_, lane) => writes.filter((_write, at) => at % workers === lane));
  await Promise.all(
    lanes.map(async (lane) => {
      for (const write of lane) {
        const before = write.answer;
        await send(write);
        if (before !== undefined) expect(withoutLease(write.answer)).toEqual(withoutLease(before));
      }
    }),
  );
}

function withoutLease(answer: Write["answer"]): object {
  const { remaining_ttl_ms: _volatile, ...rest } = answer ?? {};
  return rest;
}

async function balances(): Promise<{ spent: number; reserved: number }[]> {
  const { answer } = await call("/v1/balances?tenant=acme&include_children=true");
  const rows = answer["balances"] as { spent: { amount: number }; reserved: { amount: number } }[];
  return rows.map(({ spent, reserved }) => ({ spent: spent.amount, reserved: reserved.amount }));
}

it(`loses nothing acknowledged over ${rounds} kills`, async () => {
  let writes: Write[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    child = await start();
    await verify(writes);
    for (const { effect } of writes) {
      booked.spent += effect.spent;
      booked.reserved += effect.reserved;
    }
    // Each write is in the ledger exactly once: one too few or one too many would show here.
    expect(await balances()).toEqual([booked, booked]);
    if (round === rounds) break;

    writes = [];
    const load = Array.from({ length: workers }, () => work(writes).catch((error: unknown) => error));
    await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 170));
    child.kill("SIGKILL");
    await once(child, "exit");
    for (const error of await Promise.all(load)) expect(String(error)).toMatch(/fetch failed|terminated|socket/);
    acknowledged += writes.filter(({ answer }) => answer !== undefined).length;
    inDoubt += writes.filter(({ answer }) => answer === undefined).length;
  }
  console.log(`${rounds} kills: ${acknowledged} acknowledged writes, none lost; ${inDoubt} were in doubt`);
  expect(acknowledged).toBeGreaterThan(rounds);
}, 600_000);
