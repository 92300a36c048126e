import { hex, parseHex, tokens, utf8 } from "@imprest/core";
import {
  type Ed25519KeyPair,
  type JsonObject,
  type VerificationReport,
  canonicalize,
  generateKeyPair,
  parseStrictJson,
  signEd25519,
  verifyEd25519,
} from "@imprest/core/audit";
import { verifyLines } from "@imprest/core/audit/lines";
import { signEvidence, verifyEvidence } from "@imprest/cycles/evidence";
import { type Operation, compare, row } from "./measure.ts";

const inFlight = 64;
const files = 2_000;

/** A signed line of about 500 bytes, and what its signature covers. */
interface SignedLine {
  readonly line: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Verification against raw WebCrypto over the same bytes in the same run: a signed envelope (strict parse,
 * canonicalise, verify), and a whole Cycles evidence report (which also hashes the content and checks its schema). Then
 * a file of a million lines, for its memory.
 */
export async function audit(): Promise<void> {
  const keyPair = await generateKeyPair();
  const lines = await Promise.all(Array.from({ length: files }, (_, at) => signLine(keyPair, at)));
  const envelopes = await Promise.all(Array.from({ length: files }, (_, at) => evidenceLine(keyPair, at)));
  const key = await crypto.subtle.importKey("raw", keyPair.publicKey.slice(), "Ed25519", false, ["verify"]);
  const modes = {
    raw: each(lines, ({ message, signature }) =>
      crypto.subtle.verify("Ed25519", key, signature.slice(), message.slice()),
    ),
    envelope: each(lines, ({ line }) => verifyLine(keyPair.publicKey, line)),
    evidence: each(envelopes, async (line) => {
      const { disposition, findings } = await verifyEvidence(line);
      return disposition === "binding_only" && findings.length === 0;
    }),
  };
  const { raw, envelope, evidence } = await compare(modes, { count: 20_000, inFlight, rounds: 5 });
  console.log(`\nverification, ${inFlight} in flight, lines of ${lines[0]?.line.length} bytes`);
  console.log(row("", "per second", "of raw", "added µs CPU"));
  const show = (name: string, { perSecond, cpuMicros }: typeof raw): void =>
    console.log(row(name, perSecond, (perSecond / raw.perSecond).toFixed(2), (cpuMicros - raw.cpuMicros).toFixed(1)));
  show("raw WebCrypto", raw);
  show("parse, canonicalise, verify", envelope);
  show("Cycles evidence, whole report", evidence);
  await streamFile(keyPair.publicKey, lines);
}

/** A mode that verifies the samples in turn, and ends the benchmark when one is refused. */
function each<Sample>(samples: readonly Sample[], verify: (sample: Sample) => Promise<boolean>): Operation {
  let next = 0;
  return async () => {
    const sample = samples[next++ % samples.length];
    if (sample === undefined || !(await verify(sample))) throw new Error("a valid signature was refused");
  };
}

async function verifyLine(publicKey: Uint8Array, line: Uint8Array): Promise<boolean> {
  const { signature, ...signed } = parseStrictJson(line) as JsonObject;
  const bytes = typeof signature === "string" ? parseHex(signature) : undefined;
  return bytes !== undefined && verifyEd25519(publicKey, utf8(canonicalize(signed)), bytes);
}

async function signLine({ privateKey }: Ed25519KeyPair, at: number): Promise<SignedLine> {
  const signed = {
    data: {
      amount_atomic_observed: "87",
      decision_id: `018f6b2e-7c1a-7000-8000-${at.toString().padStart(12, "0")}`,
      event_time: "2026-06-01T12:00:00.000Z",
      kid: "2026-06",
      reason_codes: ["ok"],
      refund_amount_atomic: "913",
      reservation_id: `rsv_${at}`,
    },
    datacontenttype: "application/json",
    id: `evt-${at}`,
    source: "https://authority.example/asp",
    time: "2026-06-01T12:00:00.000Z",
    type: "org.agentspend.audit.commit",
  };
  const message = utf8(canonicalize(signed));
  const signature = await signEd25519(privateKey, message);
  return { line: utf8(canonicalize({ ...signed, signature: hex(signature) })), message, signature };
}

async function evidenceLine(keyPair: Ed25519KeyPair, at: number): Promise<Uint8Array> {
  const payload = {
    release: {
      reservation_id: `rsv_${at}`,
      request: { idempotency_key: `key-${at}` },
      response: { status: "RELEASED", released: tokens(8_000n) },
    },
  } as const;
  const statement = { payload, issuedAtMs: 1_800_000_000_000 };
  return utf8((await signEvidence(statement, { serverId: "https://cycles.example/v1", keyPair })).text);
}

const million = 1_000_000;

async function streamFile(publicKey: Uint8Array, samples: readonly SignedLine[]): Promise<void> {
  const verify = async (line: Uint8Array): Promise<VerificationReport> => ({
    disposition: (await verifyLine(publicKey, line)) ? "binding_only" : "signature_invalid",
    findings: [],
  });
  const started = performance.now();
  const seen: number[] = [];
  for await (const { lineNumber, report } of verifyLines(fileOf(samples), verify, { inFlight })) {
    if (report.disposition !== "binding_only") throw new Error(`line ${lineNumber} was refused`);
    if (lineNumber % (million / 10) === 0) seen.push(process.memoryUsage().rss / 1_048_576);
  }
  const perSecond = million / ((performance.now() - started) / 1_000);
  console.log(row("a file of 1,000,000 lines", perSecond));
  console.log(row("resident MiB at each tenth", ...seen.map((mib) => mib.toFixed(0))));
}

/** The file in chunks of 64 KiB, as a disk gives it. */
async function* fileOf(samples: readonly SignedLine[]): AsyncGenerator<Uint8Array> {
  const chunk = 65_536;
  let buffer = Buffer.alloc(0);
  for (let at = 0; at < million; at += samples.length) {
    const block = samples
      .slice(0, Math.min(samples.length, million - at))
      .flatMap(({ line }) => [line, Buffer.from("\n")]);
    buffer = Buffer.concat([buffer, ...block]);
    for (; buffer.length >= chunk; buffer = buffer.subarray(chunk)) yield Uint8Array.from(buffer.subarray(0, chunk));
  }
  yield buffer;
}
