import { type RemoteKeySet, createRemoteKeySet, verifyLines } from "@imprest/core/audit";
import { evidenceJwksUrl, verifyEvidence } from "@imprest/cycles/evidence";
import { type Command, UsageError, type Values, formatOf, readArguments, textOf, textsOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { findingLine } from "../finding-line.ts";
import { KeyFiles } from "../key-files.ts";
import { type EvidenceLine, evidenceJson, isAcceptedEvidence } from "../../pages/line-report.ts";
import { createProgress } from "../progress.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest evidence FILE|- [options]

Verifies Cycles evidence, one envelope a line. Prints what is wrong, then a summary.

  --jwks SERVER_ID=FILE  the server's published keys, from a file; may be repeated, also for one
                         server, as for its current and archived keys
  --trust ORIGIN         fetch the keys of servers at this https origin; may be repeated
  --signer DID           the only signer that is accepted
  --bindings             accept a valid signature whose signer is not established
  --format text|json     json: one report a line, the good ones included

Nothing is fetched unless --trust names an origin. A summary goes to standard error.
Exit code: 0 all authentic, 1 findings, 2 the input cannot be used.
`;

export const evidence: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const list = { type: "string", multiple: true } as const;
    const options = { jwks: list, trust: list, signer: text, bindings: { type: "boolean" }, format: text } as const;
    const { values, positionals } = readArguments(args, options, 1);
    const [path] = positionals;
    if (path === undefined) throw new UsageError("Name a file, or - for standard input.");
    const format = formatOf(values);
    const keys = await readKeys(values, terminal);
    const expectedSigner = textOf(values, "signer");
    const bindings = values["bindings"] === true;
    const verify = (line: Uint8Array) => verifyEvidence(line, { keys, expectedSigner, signal: terminal.signal });

    const tally = new Map<string, number>();
    const progress = createProgress(terminal, "envelopes");
    let failed = 0;
    let total = 0;
    for await (const line of verifyLines(terminal.open(path), verify, { signal: terminal.signal })) {
      const accepted = isAcceptedEvidence(line, bindings);
      total += 1;
      failed += accepted ? 0 : 1;
      tally.set(line.report.disposition, (tally.get(line.report.disposition) ?? 0) + 1);
      if (format === "json") await terminal.write(`${evidenceJson(line, accepted)}\n`);
      else if (!accepted) await terminal.write(describe(line));
      progress.add();
    }
    progress.end();
    if (total === 0) throw new UsageError(`${path} holds no envelope.`);
    const counts = [...tally].map(([disposition, count]) => `${count} ${disposition}`).join(", ");
    terminal.warn(`${total} envelopes: ${counts}; ${failed === 0 ? "all accepted" : `${failed} not accepted`}.\n`);
    return failed === 0 ? ExitCode.clean : ExitCode.findings;
  },
};

function describe({ lineNumber, report }: EvidenceLine): string {
  return `line ${lineNumber}: ${report.disposition}\n${report.findings.map(findingLine).join("")}`;
}

async function readKeys(values: Values, terminal: Terminal): Promise<RemoteKeySet | undefined> {
  const files = textsOf(values, "jwks");
  const trustedOrigins = textsOf(values, "trust");
  if (files.length === 0 && trustedOrigins.length === 0) return undefined;
  const keys = new KeyFiles(terminal);
  for (const given of files) {
    const at = given.lastIndexOf("=");
    if (at < 1)
      throw new UsageError(`--jwks takes SERVER_ID=FILE, such as https://authority.example.com/v1=keys.json.`);
    await keys.read(evidenceJwksUrl(given.slice(0, at)), given.slice(at + 1));
  }
  return createRemoteKeySet({ trustedOrigins, bundle: keys.sets() });
}
