import { availableParallelism } from "node:os";
import { parseBase64url, utf8 } from "@imprest/core";
import { type JsonObject, canonicalize, keyPairFromSeed, parseStrictJson, publicKeyToJwk } from "@imprest/core/audit";
import { signAuditEvent } from "@imprest/asp/audit";
import { type Terminal, run } from "@imprest/cli";
import { compare, row } from "./measure.ts";

const origin = "https://authority.example";
const seed = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const signer = { source: `${origin}/asp`, typePrefix: "org.agentspend", kid: "k1", privateKey: seed };
const startMs = Date.parse("2026-06-01T12:00:00Z");
const inFlight = 64;
const decisions = 50_000;

/** `imprest verify` from the file's bytes to the verdict, as a share of raw WebCrypto over the same signatures. */
export async function verify(): Promise<void> {
  const { publicKey } = await keyPairFromSeed(seed);
  const keys = JSON.stringify({ keys: [publicKeyToJwk(publicKey, "k1")] });
  const lines = await feed(0, decisions);
  const bytes = utf8(`${lines.join("\n")}\n`);
  const key = await crypto.subtle.importKey("raw", publicKey.slice(), "Ed25519", false, ["verify"]);
  const signed = lines.map((line) => readSigned(line));

  // One operation is the whole file either way, so that both have as many verifications under way.
  const raw = async (): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let at = next++; at < signed.length; at = next++) {
        const { signature, message } = signed[at] ?? { signature: new Uint8Array(), message: new Uint8Array() };
        if (!(await crypto.subtle.verify("Ed25519", key, signature, message))) throw new Error("refused");
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  };
  const command = async (): Promise<void> => {
    const code = await imprestVerify(keys, async function* () {
      yield bytes;
    });
    if (code !== 0) throw new Error("the feed was not clean");
  };
  const results = await compare({ raw, "imprest verify": command }, { count: 1, inFlight: 1, rounds: 5 });
  console.log(`\nASP feed of ${lines.length} events of ${Math.round(bytes.length / lines.length)} bytes`);
  console.log(row("", "events/s", "CPU µs", "of raw"));
  for (const [name, { perSecond, cpuMicros }] of Object.entries(results)) {
    const ofRaw = (perSecond / results.raw.perSecond).toFixed(2);
    console.log(row(name, perSecond * lines.length, (cpuMicros / lines.length).toFixed(1), ofRaw));
  }
}

/** A feed of so many events, signed as it is read: what `imprest verify` holds in memory while it goes on. */
export async function verifyMemory(): Promise<void> {
  const { publicKey } = await keyPairFromSeed(seed);
  const keys = JSON.stringify({ keys: [publicKeyToJwk(publicKey, "k1")] });
  const total = Number(process.env["IMPREST_BENCH_EVENTS"] ?? 200_000);
  const memory: string[] = [];
  const code = await imprestVerify(keys, async function* () {
    const step = 2_000;
    for (let from = 0; from < total / 2; from += step) {
      if ((from * 2) % (total / 10) === 0) memory.push(memoryMiB());
      yield utf8(`${(await feed(from, step)).join("\n")}\n`);
    }
    memory.push(memoryMiB());
  });
  if (code !== 0) throw new Error("the feed was not clean");
  console.log(`\nimprest verify over ${total} events; heap/resident MiB at each tenth: ${memory.join(", ")}`);
}

/** The resident memory holds every thread's. */
function memoryMiB(): string {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return [heapUsed, rss].map((bytes) => Math.round(bytes / 1_048_576)).join("/");
}

/** Reserve and commit of each decision, in order and without an end left open. */
async function feed(from: number, count: number): Promise<string[]> {
  const pairs = Array.from({ length: count }, (_, at) => pair(from + at));
  return (await Promise.all(pairs)).flat();
}

async function pair(at: number): Promise<string[]> {
  const decision_id = `018f6b2e-7c1a-7000-8000-${String(at).padStart(12, "0")}`;
  const common = { decision_id, budget_id: "team", unit: "output_token" };
  const ttl_expires_at = new Date(startMs + at * 20 + 600_000).toISOString();
  const reservation_id = `r-${at}`;
  const reserve = { ...common, reservation_id, amount_atomic_reserved: "1000", decision: "ALLOW", ttl_expires_at };
  const commit = { ...common, reservation_id, amount_atomic_observed: "700", refund_amount_atomic: "300" };
  return Promise.all([
    signAuditEvent("reserve", reserve, signer, startMs + at * 20),
    signAuditEvent("commit", commit, signer, startMs + at * 20 + 10),
  ]);
}

function readSigned(line: string): {
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
} {
  const event = parseStrictJson(line) as JsonObject;
  const written = event["aspsignature"];
  const signature = (typeof written === "string" && parseBase64url(written)) || new Uint8Array();
  const covered = ["data", "datacontenttype", "id", "source", "time", "type"];
  const message = utf8(canonicalize(Object.fromEntries(covered.map((name) => [name, event[name] ?? null]))));
  return { signature: signature.slice(), message: message.slice() };
}

function imprestVerify(keys: string, open: () => AsyncIterable<Uint8Array>): Promise<number> {
  const terminal: Terminal = {
    write: async () => {},
    warn: (text) => {
      if (text.includes("findings") || text.startsWith("imprest")) console.log(text);
    },
    interactive: false,
    interactiveOutput: false,
    environment: {},
    threads: availableParallelism(),
    signal: new AbortController().signal,
    open: (path) => (path === "feed" ? open() : oneChunk(keys)),
    create: () => ({ write: async () => {}, close: async () => {} }),
  };
  return run(["verify", "feed", "--trust", origin, "--jwks", "keys"], terminal);
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}
