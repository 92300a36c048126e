import { createFetchTransport } from "@imprest/core";
import { hex, utf8 } from "@imprest/core/internal";
import {
  StrictJsonError,
  createRemoteKeySet,
  generateKeyPair,
  keyPairFromJwk,
  keyPairToJwk,
  parseStrictJson,
  publicKeyToJwk,
  sha256Hex,
  signEd25519,
  verifyEd25519,
  verifyLines,
} from "@imprest/core/audit";
import { verifyEvidence } from "@imprest/cycles/evidence";
import { type Checks, bytes, expectEqual } from "../check.ts";

/** Signing, strict JSON, key sets and evidence. */
export const audit: Checks = {
  async "signs as RFC 8032 does"() {
    const seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const signature = await signEd25519(seed, new Uint8Array());
    expectEqual(hex(signature).slice(0, 32), "e5564300c360ac729086e2cc806e828a");
  },

  async "signs, verifies, and carries keys through JWKs"() {
    const pair = await generateKeyPair();
    const same = await keyPairFromJwk(JSON.parse(JSON.stringify(keyPairToJwk(pair, "kid"))));
    const signature = await signEd25519(same.privateKey, utf8("spend"));
    expectEqual(await verifyEd25519(pair.publicKey, utf8("spend"), signature), true);
    expectEqual(await verifyEd25519(pair.publicKey, utf8("spent"), signature), false);
  },

  async "answers false for what is no point and for the identity forgery"() {
    const { privateKey } = await generateKeyPair();
    const signature = await signEd25519(privateKey, utf8("x"));
    const offCurve = Uint8Array.of(2, ...new Uint8Array(31));
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    expectEqual(await verifyEd25519(offCurve, utf8("x"), signature), false);
    expectEqual(await verifyEd25519(identity, utf8("x"), Uint8Array.of(...identity, ...new Uint8Array(32))), false);
  },

  async hashes() {
    expectEqual((await sha256Hex(utf8("abc"))).slice(0, 16), "ba7816bf8f01cfea");
  },

  async "refuses what is not I-JSON, with one code everywhere"() {
    const refusals: Readonly<Record<string, string>> = {
      '{"a":1,"a":1}': "duplicate_key",
      '"\\ud800"': "lone_surrogate",
      "9007199254740993": "inexact_integer",
      "1e400": "number_overflow",
      "-0": "negative_zero",
      "\ufeff1": "byte_order_mark",
      "[1,]": "syntax",
      "1 2": "trailing_data",
      ["[".repeat(100)]: "too_deep",
    };
    for (const [text, code] of Object.entries(refusals)) expectEqual(refusalOf(text), code);
    expectEqual(refusalOf(Uint8Array.of(0x22, 0xc0, 0x80, 0x22)), "invalid_utf8");
  },

  async "finds a tampered envelope"({ vectors }) {
    const [first = ""] = vectors.evidence;
    const tampered = await verifyEvidence(first.replace('"amount":2', '"amount":3'));
    expectEqual(tampered.findings[0]?.code, "evidence_id_mismatch");
  },

  async "fetches a key set with this runtime's own Request and Response"() {
    const { publicKey } = await generateKeyPair();
    const body = JSON.stringify({ keys: [publicKeyToJwk(publicKey, "a")] });
    const lookUp = async (answer: () => Response): Promise<string> => {
      const fetchLike = async (...parts: Parameters<typeof fetch>): Promise<Response> => {
        const request = new Request(...parts);
        expectEqual(request.url, "https://keys.example/jwks");
        return answer();
      };
      const transport = createFetchTransport(fetchLike);
      const keys = createRemoteKeySet({ trustedOrigins: ["https://keys.example"], transport });
      const lookup = await keys.find("https://keys.example/jwks", { kid: "a" });
      return lookup.status === "found" ? "found" : `${lookup.status} ${lookup.problem.message}`;
    };
    expectEqual(await lookUp(() => new Response(body)), "found");
    const redirect = { status: 302, headers: { location: "https://keys.example/other" } };
    expectEqual((await lookUp(() => new Response(null, redirect))).slice(0, 10), "unresolved");
  },

  async "verifies lines as they come"({ vectors: { evidence } }) {
    const source = new Blob([evidence.map((text) => `${text.trim()}\n`).join("")]).stream();
    const numbers: number[] = [];
    for await (const { lineNumber, report } of verifyLines(chunksOf(source), async (line) => verifyEvidence(line))) {
      expectEqual(report.disposition, "binding_only");
      numbers.push(lineNumber);
    }
    expectEqual(numbers.length, evidence.length);
  },
};

/** Not every runtime lets a stream be iterated. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function refusalOf(input: string | Uint8Array): string {
  try {
    parseStrictJson(input);
    return "accepted";
  } catch (error) {
    return StrictJsonError.isInstance(error) ? error.reason : "another error";
  }
}
