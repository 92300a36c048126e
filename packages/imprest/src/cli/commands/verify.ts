import { type AuditConclusion, type AuditLineReport, createAuditTrust } from "@imprest/asp/audit";
import { type AuditState, auditStateOptions, openAuditState } from "../audit-state.ts";
import { type Command, UsageError, type Values, formatOf, readArguments, textOf, wholeOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { findingLine } from "../finding-line.ts";
import { openFeed } from "../feed-input.ts";
import { focusOptions, omissionLine, openFocusFile } from "../focus-file.ts";
import { conclusionJson, isAccepted, isError, lineJson } from "../../pages/line-report.ts";
import { createProgress } from "../progress.ts";
import { readPromised } from "../read-promised.ts";
import type { Terminal } from "../terminal.ts";
import { type VerifyFeedOptions, verifyFeed } from "../verify-feed.ts";
import { readTrust } from "../verify-trust.ts";

const help = `Usage: imprest verify FILE|- --trust ORIGIN --jwks FILE [options]

Audits a feed of ASP events, one a line or gzipped, and says what it cannot prove.

  --trust ORIGIN         whose events are believed; may be repeated
  --jwks [ORIGIN=]FILE   an issuer's keys, current or archived; may be repeated. With two issuers
                         trusted, each file needs its ORIGIN=: nobody signs with the key of another
  --fetch-keys           also fetch the keys of the trusted origins
  --not-after KEY=TIME   a key that a thief may hold, 64 hex digits: nothing signed from then on
  --source URL, --budget ID
                         whose feed, and which budget, every event must be of
  --promised FILE        NDJSON of AspClient's onPromisedEvent: each must be here as it was answered
  --any-order            the lines are in no particular order
  --grace MS             the grace window that the authority publishes (grace_window_ms)
  --checkpoint OUT, --since FILE
                         the feed goes on: write where this audit ends; go on where that one ended
  --sign KEY             the private JWK of both, made where there is none
  --index FILE           remember all events in a file, not some 10,000 decisions in memory
  --focus OUT            FOCUS 1.0 rows of verified settlements, as CSV or (OUT.ndjson) NDJSON
  --billing-account ID --provider NAME --focus-columns all|applicable
                         who is billed and by whom; which columns
  --money UNIT=CURRENCY:SCALE, --price [MODEL/]UNIT=CURRENCY:PRICE
                         usd_atomic=USD:6; output_token=USD:0.00001; may be repeated
  --allow-loopback       also trust http: origins on this machine
  --format text|json     json: one report a line, the good ones included
  --open                 look at it in a browser of this machine, until Ctrl-C

Exit code: 0 clean, 1 findings, 2 the input cannot be used. A summary goes to standard error.
`;

/** Of an hour: the draft advises five minutes at the most. */
const longestGraceMs = 3_600_000;

export const verify: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const list = { type: "string", multiple: true } as const;
    const flag = { type: "boolean" } as const;
    const switches = { "fetch-keys": flag, "any-order": flag, "allow-loopback": flag, open: flag } as const;
    const about = { source: text, budget: text, promised: text, grace: text, format: text } as const;
    const whom = { trust: list, jwks: list, "not-after": list } as const;
    const options = { ...whom, ...switches, ...about, ...auditStateOptions, ...focusOptions } as const;
    const { values, positionals } = readArguments(args, options, 1);
    const [path] = positionals;
    if (path === undefined) throw new UsageError("Name a file, or - for standard input.");
    const json = formatOf(values) === "json";
    const trust = await readTrust(values, terminal);
    const pins = textOf(values, "promised");
    const promised = pins === undefined ? undefined : await readPromised(pins, terminal);
    const order = values["any-order"] === true ? "any" : "feed";
    const graceWindowMs = wholeOf(values, "grace", longestGraceMs);
    const expected = { source: textOf(values, "source"), budgetId: textOf(values, "budget") };
    if (values["open"] === true) {
      refuseBesideOpen(values);
      // What is wrong with it is said here rather than in the page.
      createAuditTrust(trust);
      const { openExplorer } = await import("../pages/open-explorer.ts");
      const { origins, jwks = {}, allowLoopbackHttp = false, notAfterMs = {} } = trust;
      const whom = { origins, jwks, allowLoopbackHttp, notAfterMs };
      await openExplorer(path, { ...whom, promised, order, graceWindowMs, expected }, terminal);
      return ExitCode.clean;
    }
    const state = await openAuditState(values, terminal);
    try {
      const { since, index, more } = state;
      const known = { promised, order, graceWindowMs, since, index, more, expected } as const;
      const { threads, signal } = terminal;
      return await audit(path, { trust, threads, signal, ...known }, { values, json, state }, terminal);
    } finally {
      state.close();
    }
  },
};

/** The page fetches nothing, and writes nothing but what the reader exports. @throws UsageError naming the option. */
function refuseBesideOpen(values: Values): void {
  const others = ["fetch-keys", "format", ...Object.keys(auditStateOptions), ...Object.keys(focusOptions)];
  const other = others.find((name) => values[name] !== undefined);
  if (other !== undefined) throw new UsageError(`--open shows a feed in a browser, and takes no --${other}.`);
}

interface Reporting {
  readonly values: Values;
  readonly json: boolean;
  readonly state: AuditState;
}

async function audit(
  path: string,
  options: VerifyFeedOptions,
  { values, json, state }: Reporting,
  terminal: Terminal,
): Promise<number> {
  const focus = await openFocusFile(values, terminal, (omission) =>
    terminal.write(json ? `${JSON.stringify({ focus: omission }, withBigInts)}\n` : omissionLine(omission)),
  );
  const progress = createProgress(terminal, "events");
  let failed = 0;
  let total = 0;
  let strangers = 0;
  const feed = verifyFeed(openFeed(path, terminal), options);
  let next = await feed.next();
  for (; !next.done; next = await feed.next()) {
    const line = next.value;
    const accepted = isAccepted(line);
    total += 1;
    failed += accepted ? 0 : 1;
    if (line.report.findings.some(({ code }) => code === "origin_not_trusted")) strangers += 1;
    if (json) await terminal.write(`${lineJson(line)}\n`);
    else if (!accepted) await terminal.write(describe(line));
    if (accepted && line.report.event !== undefined) await focus?.add(line.report.event);
    progress.add();
  }
  progress.end();
  if (strangers > 0) {
    terminal.warn(
      `imprest verify: ${strangers} events are of an origin that no --trust names. Trust it too, with its keys.\n`,
    );
  }
  const money = await focus?.close();
  // A day without events goes on from the day before.
  if (total === 0 && options.since === undefined) throw new UsageError(`${path} holds no event.`);
  await state.save(next.value);
  const code = await conclude(next.value, { total, failed, json }, terminal);
  if (money === undefined) return code;
  terminal.warn(`FOCUS: ${money.rows} rows, ${money.omitted} charges without one.\n`);
  return money.omitted === 0 ? code : ExitCode.findings;
}

async function conclude(
  conclusion: AuditConclusion,
  { total, failed, json }: { readonly total: number; readonly failed: number; readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const { findings, unproven, repeated, decisions, open } = conclusion;
  if (json) {
    await terminal.write(`${conclusionJson(conclusion)}\n`);
  } else {
    for (const finding of findings) await terminal.write(`whole feed:\n${findingLine(finding)}`);
  }
  const isClean = failed === 0 && !findings.some(isError);
  const again = repeated === 0 ? "" : `, ${repeated} of them again`;
  terminal.warn(
    `${total} events${again}, ${decisions} decisions, ${open} open: ${isClean ? "clean" : `${failed} lines and ${findings.length} findings on the whole`}.\n`,
  );
  for (const { message } of unproven) terminal.warn(`not proven: ${message}\n`);
  return isClean ? ExitCode.clean : ExitCode.findings;
}

function withBigInts(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function describe({ lineNumber, report, lifecycle }: AuditLineReport): string {
  return `line ${lineNumber}: ${report.disposition}\n${[...report.findings, ...lifecycle].map(findingLine).join("")}`;
}
