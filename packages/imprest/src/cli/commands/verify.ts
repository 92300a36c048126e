import type { AuditConclusion, AuditFinding, AuditLineReport } from "@imprest/asp/audit";
import { hasErrors } from "@imprest/core/audit";
import { type Command, UsageError, formatOf, readArguments, textOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { findingLine } from "../finding-line.ts";
import { focusOptions, omissionLine, openFocusFile } from "../focus-file.ts";
import { createProgress } from "../progress.ts";
import { readPromised } from "../read-promised.ts";
import type { Terminal } from "../terminal.ts";
import { verifyFeed } from "../verify-feed.ts";
import { readTrust } from "../verify-trust.ts";

const help = `Usage: imprest verify FILE|- --trust ORIGIN --jwks FILE [options]

Verifies a feed of ASP audit events, one a line, and audits it as a whole: lifecycle, amounts
that do not conserve, duplicates, gaps. Says what it cannot prove.

  --trust ORIGIN         whose events are believed; may be repeated
  --jwks [ORIGIN=]FILE   an issuer's published keys; may be repeated, also for one issuer, as
                         for its current and archived keys. With two issuers trusted, each
                         file needs its ORIGIN=: nobody signs with the key of another
  --fetch-keys           also fetch the keys of the trusted origins
  --promised FILE        NDJSON of what answers promised (AspClient's onPromisedEvent):
                         each must be in the feed, for its own verb, reservation and key
  --any-order            the lines are in no particular order
  --focus OUT            FOCUS 1.0 rows of verified settlements, as CSV or (OUT.ndjson) NDJSON;
                         a settlement that cannot be priced has none and is reported
  --billing-account ID --provider NAME
                         who is billed and by whom, for --focus
  --money UNIT=CURRENCY:SCALE
                         a unit that is money, such as usd_atomic=USD:6; may be repeated
  --price [MODEL/]UNIT=CURRENCY:PRICE
                         of one of a unit, such as output_token=USD:0.00001; may be repeated
  --focus-columns all|applicable
                         applicable: without the columns that spend has no value for
  --allow-loopback       also trust http: origins on this machine
  --format text|json     json: one report a line, the good ones included

Exit code: 0 clean, 1 findings, 2 the input cannot be used. A summary goes to standard error.
`;

export const verify: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const list = { type: "string", multiple: true } as const;
    const flag = { type: "boolean" } as const;
    const switches = { "fetch-keys": flag, "any-order": flag, "allow-loopback": flag } as const;
    const named = { promised: text, format: text, ...focusOptions } as const;
    const { values, positionals } = readArguments(args, { trust: list, jwks: list, ...switches, ...named }, 1);
    const [path] = positionals;
    if (path === undefined) throw new UsageError("Name a file, or - for standard input.");
    const json = formatOf(values) === "json";
    const trust = await readTrust(values, terminal);
    const pins = textOf(values, "promised");
    const promised = pins === undefined ? undefined : await readPromised(pins, terminal);
    const order = values["any-order"] === true ? "any" : "feed";

    const focus = await openFocusFile(values, terminal, (omission) =>
      terminal.write(json ? `${JSON.stringify({ focus: omission }, withBigInts)}\n` : omissionLine(omission)),
    );
    const progress = createProgress(terminal, "events");
    let failed = 0;
    let total = 0;
    const { threads, signal } = terminal;
    const feed = verifyFeed(terminal.open(path), { trust, promised, order, threads, signal });
    let next = await feed.next();
    for (; !next.done; next = await feed.next()) {
      const line = next.value;
      const accepted = isAccepted(line);
      total += 1;
      failed += accepted ? 0 : 1;
      if (json) await terminal.write(`${JSON.stringify(summarise(line, accepted))}\n`);
      else if (!accepted) await terminal.write(describe(line));
      if (accepted && line.report.event !== undefined) await focus?.add(line.report.event);
      progress.add();
    }
    progress.end();
    const money = await focus?.close();
    if (total === 0) throw new UsageError(`${path} holds no event.`);
    const code = await conclude(next.value, { total, failed, json }, terminal);
    if (money === undefined) return code;
    terminal.warn(`FOCUS: ${money.rows} rows, ${money.omitted} charges without one.\n`);
    return money.omitted === 0 ? code : ExitCode.findings;
  },
};

function isAccepted({ report, lifecycle }: AuditLineReport): boolean {
  return report.disposition === "authentic" && !hasErrors(report) && !lifecycle.some(isError);
}

function isError({ severity }: AuditFinding): boolean {
  return severity === "error";
}

async function conclude(
  conclusion: AuditConclusion,
  { total, failed, json }: { readonly total: number; readonly failed: number; readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const { findings, unproven, decisions, open, checkpoint } = conclusion;
  if (json) {
    await terminal.write(`${JSON.stringify({ conclusion: { decisions, open, findings, unproven, checkpoint } })}\n`);
  } else {
    for (const finding of findings) await terminal.write(`whole feed:\n${findingLine(finding)}`);
  }
  const isClean = failed === 0 && !findings.some(isError);
  terminal.warn(
    `${total} events, ${decisions} decisions, ${open} open: ${isClean ? "clean" : `${failed} lines and ${findings.length} findings on the whole`}.\n`,
  );
  for (const { message } of unproven) terminal.warn(`not proven: ${message}\n`);
  return isClean ? ExitCode.clean : ExitCode.findings;
}

function summarise({ lineNumber, report, lifecycle }: AuditLineReport, accepted: boolean): object {
  const { disposition, findings, unsigned, event } = report;
  return { line: lineNumber, accepted, disposition, id: event?.id, type: event?.type, unsigned, findings, lifecycle };
}

function withBigInts(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function describe({ lineNumber, report, lifecycle }: AuditLineReport): string {
  return `line ${lineNumber}: ${report.disposition}\n${[...report.findings, ...lifecycle].map(findingLine).join("")}`;
}
