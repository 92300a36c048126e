import { canonicalize, parseStrictJson, verifyEd25519 } from "@imprest/core/audit";
import { verifyEvidence } from "@imprest/cycles/evidence";
import { type Vectors, type World, bytes } from "./check.ts";
import { audit } from "./checks/audit.ts";
import { guard } from "./checks/guard.ts";
import { hygiene } from "./checks/hygiene.ts";
import { modelCalls } from "./checks/model-calls.ts";
import { payments } from "./checks/payments.ts";
import { protocols } from "./checks/protocols.ts";

/** What a run of the suite saw. */
export interface Verdict {
  /** One digit for each edge case of ed25519-speccheck. */
  readonly speccheck: string;
  readonly jcs: string;
  readonly evidence: string;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

export const checks = { ...hygiene, ...audit, ...guard, ...modelCalls, ...protocols, ...payments };

/** What every runtime must give, with the vectors of `readVectors`. */
export const expectedVerdict: Verdict = {
  speccheck: "000100000000",
  jcs: "111111",
  evidence: Array(13).fill("binding_only").join(" "),
  passed: Object.keys(checks),
  failed: [],
};

/** Runs on any runtime with WebCrypto and fetch: no test framework, no file. */
export async function runSuite(world: World): Promise<Verdict> {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(world);
      passed.push(name);
    } catch (error) {
      failed.push(`${name}: ${error instanceof Error ? error.message : "an unknown failure"}`);
    }
  }
  const { jcs, evidence } = world.vectors;
  const reports = await Promise.all(evidence.map((text) => verifyEvidence(text)));
  return {
    speccheck: await speccheckVerdicts(world.vectors),
    jcs: jcs.map(({ input, output }) => Number(canonicalize(parseStrictJson(input)) === output)).join(""),
    evidence: reports.map(({ disposition }) => disposition).join(" "),
    passed,
    failed,
  };
}

async function speccheckVerdicts({ speccheck }: Vectors): Promise<string> {
  const verdicts = speccheck.map(({ message, pub_key: key, signature }) =>
    verifyEd25519(bytes(key), bytes(message), bytes(signature)),
  );
  return (await Promise.all(verdicts)).map(Number).join("");
}
