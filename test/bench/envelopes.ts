import { tokens } from "@imprest/core";
import { hex, parseHex, utf8 } from "@imprest/core/internal";
import {
  type Ed25519KeyPair,
  type JsonObject,
  canonicalize,
  generateKeyPair,
  parseStrictJson,
  signEd25519,
  verifyEd25519,
} from "@imprest/core/audit";
import { signEvidence, verifyEvidence } from "@imprest/cycles/evidence";
import { verifyAsync } from "@noble/ed25519";
import { type Effort, type Group, compare, timed } from "./measure.ts";

const inFlight = 64;
const samples = 2_000;

/** A signed line of about 500 bytes, and what its signature covers. */
interface SignedLine {
  readonly line: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/**
 * Verification of single envelopes against raw WebCrypto over the same bytes: what a peer without our parser does
 * (`JSON.parse`, noble), strict parse with canonical form, and a whole Cycles evidence report, which also hashes the
 * content and checks its schema.
 */
export async function* envelopes(effort: Effort): AsyncGenerator<Group> {
  const keyPair = await generateKeyPair();
  const { publicKey } = keyPair;
  const lines = await Promise.all(Array.from({ length: samples }, (_, at) => signLine(keyPair, at)));
  const evidence = await Promise.all(Array.from({ length: samples }, (_, at) => evidenceLine(keyPair, at)));
  const key = await crypto.subtle.importKey("raw", publicKey.slice(), "Ed25519", false, ["verify"]);
  const options = { count: effort.count(20_000), inFlight };
  yield await compare(
    {
      title: `signed envelopes of ${lines[0]?.line.length} bytes, ${inFlight} in flight`,
      unit: "lines/s",
      rounds: effort.rounds(5),
    },
    {
      "raw WebCrypto": timed(
        each(lines, ({ message, signature }) => crypto.subtle.verify("Ed25519", key, signature, message)),
        options,
      ),
      "JSON.parse, noble": timed(
        each(lines, ({ line }) => verifyWithNoble(publicKey, line)),
        { count: effort.count(1_000), inFlight },
      ),
      "strict parse, canonicalise, verify": timed(
        each(lines, ({ line }) => verifyLine(publicKey, line)),
        options,
      ),
      "Cycles evidence, whole report": timed(
        each(evidence, async (line) => {
          const { disposition, findings } = await verifyEvidence(line);
          return disposition === "binding_only" && findings.length === 0;
        }),
        options,
      ),
    },
  );
}

/** Verifies the samples in turn, and ends the benchmark when one is refused. */
function each<Sample>(samples: readonly Sample[], verify: (sample: Sample) => Promise<boolean>): () => Promise<void> {
  let next = 0;
  return async () => {
    const sample = samples[next++ % samples.length];
    if (sample === undefined || !(await verify(sample))) throw new Error("a valid signature was refused");
  };
}

/** Without a canonical form: the members stand in its order already, which a stranger's need not. */
async function verifyWithNoble(publicKey: Uint8Array, line: Uint8Array): Promise<boolean> {
  const { signature, ...signed } = JSON.parse(new TextDecoder().decode(line)) as { readonly signature: string };
  return verifyAsync(Buffer.from(signature, "hex"), utf8(JSON.stringify(signed)), publicKey);
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
  const message = utf8(canonicalize(signed)).slice();
  const signature = (await signEd25519(privateKey, message)).slice();
  return { line: utf8(canonicalize({ ...signed, signature: hex(signature) })).slice(), message, signature };
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
