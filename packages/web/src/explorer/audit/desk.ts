import { Conservation } from "./conservation.ts";
import { type FeedBytes, openFeed } from "./feed-bytes.ts";
import { FindingList } from "./finding-list.ts";
import { recognise, recogniseHead } from "./form.ts";
import { Groups } from "./groups.ts";
import { type LineEntry, LineTable } from "./line-table.ts";
import type {
  AuditDesk,
  Filter,
  Inspection,
  Life,
  LineDetail,
  Progress,
  Row,
  RowPage,
  Summary,
  Verification,
} from "./messages.ts";
import { Passes } from "./passes.ts";
import { type Ending, type Statement, verifyStatements } from "./statements.ts";
import { UnusableError } from "./unusable-error.ts";

/** A line that is longer is shown in part. */
const mostLineBytes = 65_536;
/** More rows or events are no page. */
const mostRows = 500;
const mostEvents = 200;
/** Among so many unreadable lines other forms are looked for. */
const mostStrays = 500;
/** Between two figures of progress: a reader follows no more, and each is a drawing of the page. */
const progressMs = 250;

/** Verifies one feed and answers what the page wants to see of it. Holds a few bytes of each line, never the feed. */
export class FeedDesk implements AuditDesk {
  readonly #onProgress: (progress: Progress) => void;
  #given: Verification | undefined;
  #bytes: FeedBytes | undefined;
  #table = new LineTable();
  #groups = new Groups();
  #findings = new FindingList();
  readonly #passes = new Passes();
  /** The last filter's lines, until the next verification. */
  #selected: { readonly filter: Filter; readonly lines: Uint32Array } | undefined;

  constructor(onProgress: (progress: Progress) => void) {
    this.#onProgress = onProgress;
  }

  async inspect(feed: Verification["feed"]): Promise<Inspection> {
    const { name, size, gzip, head } = await openFeed(feed);
    return { name, size, gzip, ...recogniseHead(head) };
  }

  async stop(): Promise<void> {
    this.#passes.stop();
  }

  async verify(given: Verification): Promise<Summary> {
    const pass = this.#passes.begin();
    const startMs = performance.now();
    const bytes = await openFeed(given.feed);
    pass.assertLatest();
    this.#begin(given, bytes);
    const tally = new Tally();
    const sums = new Conservation();
    let read = 0;
    let shownMs = startMs;
    const showProgress = (): void => {
      if (performance.now() - shownMs < progressMs) return;
      this.#onProgress({ lines: tally.lines, bytes: read, accepted: tally.accepted, rejected: tally.rejected });
      shownMs = performance.now();
    };
    const statements = verifyStatements(this.#noted(bytes.all((size) => (read += size))), given);
    const ending = await pass.over(statements, (statement) => this.#note(statement, tally, sums), showProgress);
    if (tally.lines === 0) throw new UnusableError(`${bytes.name} holds no statement.`);
    const strays = await this.#strays(given.form);
    return { ...this.#summary(given, tally, sums, ending), strays, bytes: read, ms: performance.now() - startMs };
  }

  async rows(filter: Filter, from: number, count: number): Promise<RowPage> {
    if (this.#selected?.filter !== filter) this.#selected = { filter, lines: this.#table.select(filter) };
    const { lines } = this.#selected;
    const wanted = lines.subarray(from, from + Math.min(count, mostRows));
    return { total: lines.length, rows: [...wanted].flatMap((line) => this.#row(line) ?? []) };
  }

  async line(number: number): Promise<LineDetail | undefined> {
    const [detail] = await this.#details([number]);
    return detail;
  }

  async life(id: string): Promise<Life | undefined> {
    for (const group of this.#groups.find(id)) {
      const { lines, total } = this.#table.linesOf(group, mostEvents);
      const name = this.#groups.idOf(group);
      if (name === undefined || total === 0) continue;
      const details = await this.#details(lines);
      // A reservation is found by a hash, which two may share: an audit shows no other one in its place.
      const isNamed = name.toLowerCase() === id.toLowerCase() || details.some(({ text }) => text.includes(id));
      if (isNamed) return { group: name, lines: details, leftOut: total - lines.length };
    }
    return undefined;
  }

  /** The feed is verified again, so that a report of any length need not be kept beforehand. */
  async report(): Promise<Blob> {
    const [given, bytes] = [this.#given, this.#bytes];
    if (given === undefined || bytes === undefined) throw new UnusableError("Nothing has been verified.");
    const parts: Blob[] = [];
    let text = "";
    const ending = await this.#passes.begin().over(verifyStatements(bytes.all(), given), (statement) => {
      text += `${statement.json()}\n`;
      if (text.length < 1_000_000) return;
      parts.push(new Blob([text]));
      text = "";
    });
    const end = ending === undefined ? "" : `${ending.json}\n`;
    return new Blob([...parts, text, end], { type: "application/x-ndjson" });
  }

  #begin(given: Verification, bytes: FeedBytes): void {
    this.#given = given;
    this.#bytes = bytes;
    this.#table = new LineTable();
    this.#groups = new Groups();
    this.#findings = new FindingList();
    this.#selected = undefined;
  }

  async *#noted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      this.#table.addBytes(chunk);
      yield chunk;
    }
  }

  #note(statement: Statement, tally: Tally, sums: Conservation): void {
    const { line, findings, group, event, reservation } = statement;
    const number = group === undefined ? 0 : this.#groups.numberOf(group);
    if (number !== 0 && reservation !== undefined) this.#groups.alias(number, reservation);
    const warned = findings.some(({ severity }) => severity === "warning");
    const entry: LineEntry = { ...statement, warned, group: number, code: findings[0]?.code };
    if (!this.#table.set(line, entry)) tally.unlisted += 1;
    for (const finding of findings) this.#findings.add(finding, { line, group });
    if (event !== undefined) sums.add(event, number);
    tally.add(statement, warned);
  }

  #summary(
    given: Verification,
    tally: Tally,
    sums: Conservation,
    ending: Ending | undefined,
  ): Omit<Summary, "strays" | "bytes" | "ms"> {
    for (const finding of ending?.conclusion.findings ?? []) {
      this.#findings.add(finding, { group: finding.decisionId?.toLowerCase() });
    }
    const { lines, accepted, warned, unlisted, strangers } = tally;
    const { shown: findings, leftOut: findingsLeftOut, codes } = this.#findings;
    const whole = { form: given.form, lines, accepted, warned, unlisted, strangers, dispositions: tally.dispositions };
    const found = { findings, findingsLeftOut, codes, sums: sums.sums, unsummed: sums.unsummed };
    if (ending === undefined) return { ...whole, ...found };
    const { events, repeated, decisions, open, unproven } = ending.conclusion;
    return { ...whole, ...found, conclusion: { events, repeated, decisions, open, unproven } };
  }

  /** Statements of another form than the file's, among the first lines that are no valid ones of its own. */
  async #strays(form: Verification["form"]): Promise<Summary["strays"]> {
    const invalid = [...this.#table.select("rejected")]
      .filter((line) => this.#table.get(line)?.disposition === "signature_invalid")
      .slice(0, mostStrays);
    const found = new Map<string, Summary["strays"][number]>();
    for (const [at, bytes] of (await this.#read(invalid)).entries()) {
      const other = recognise(bytes)?.form;
      if (other === undefined || other === form) continue;
      const firstLine = found.get(other)?.firstLine ?? invalid[at] ?? 0;
      found.set(other, { form: other, firstLine, count: (found.get(other)?.count ?? 0) + 1 });
    }
    return [...found.values()];
  }

  async #details(lines: readonly number[]): Promise<readonly LineDetail[]> {
    const texts = await this.#read(lines);
    return lines.flatMap((line, at) => {
      const row = this.#row(line);
      const bytes = texts[at];
      if (row === undefined || bytes === undefined) return [];
      const { from, to } = this.#table.rangeOf(line);
      const text = new TextDecoder().decode(bytes);
      return [{ row, text, cut: Math.max(0, to - from - mostLineBytes), findings: this.#findings.ofLine(line) }];
    });
  }

  async #read(lines: readonly number[]): Promise<readonly Uint8Array[]> {
    if (this.#bytes === undefined || lines.length === 0) return [];
    return this.#bytes.parts(
      lines.map((line) => {
        const { from, to } = this.#table.rangeOf(line);
        return { from, to: Math.min(to, from + mostLineBytes) };
      }),
    );
  }

  #row(line: number): Row | undefined {
    const entry = this.#table.get(line);
    return entry === undefined ? undefined : { ...entry, line, group: this.#groups.idOf(entry.group) };
  }
}

class Tally {
  lines = 0;
  accepted = 0;
  warned = 0;
  unlisted = 0;
  /** Events of issuers that are not trusted. */
  strangers = 0;
  readonly dispositions = {
    authentic: 0,
    binding_only: 0,
    signer_authority_failed: 0,
    signer_resolution_failed: 0,
    signature_invalid: 0,
  };

  get rejected(): number {
    return this.lines - this.accepted;
  }

  add({ disposition, accepted, findings }: Statement, warned: boolean): void {
    this.lines += 1;
    this.accepted += accepted ? 1 : 0;
    this.warned += warned ? 1 : 0;
    this.dispositions[disposition] += 1;
    if (findings.some(({ code }) => code === "origin_not_trusted")) this.strangers += 1;
  }
}
