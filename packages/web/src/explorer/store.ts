import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { openDesk } from "./audit/desk-client.ts";
import type {
  AuditDesk,
  FeedRef,
  Filter,
  GivenKeys,
  Inspection,
  Life,
  LineDetail,
  Progress,
  Summary,
  Verification,
} from "./audit/messages.ts";
import { messageOf } from "../shared/message.ts";
import { dropped } from "./dropped.ts";

export type Stage =
  | { readonly kind: "empty" }
  | { readonly kind: "inspecting"; readonly name: string }
  /** A feed is there; the reader says whom to believe. */
  | { readonly kind: "asking"; readonly inspection: Inspection }
  | { readonly kind: "verifying"; readonly name: string; readonly size: number }
  | { readonly kind: "done"; readonly name: string; readonly summary: Summary }
  | { readonly kind: "failed"; readonly name: string; readonly message: string };

export type View = "lines" | "findings" | "sums" | "unproven";

/** What the panel beside the views shows. */
export type Opened =
  | { readonly kind: "line"; readonly detail: LineDetail }
  | { readonly kind: "life"; readonly life: Life }
  | { readonly kind: "none"; readonly wanted: string };

/** The state of the page. Everything of the feed itself stays with the worker. */
export class ExplorerStore {
  readonly stage: Signal<Stage> = signal({ kind: "empty" });
  readonly progress: Signal<Progress | undefined> = signal(undefined);
  readonly issuers: Signal<readonly string[]> = signal([]);
  readonly keys: Signal<readonly GivenKeys[]> = signal([]);
  readonly promised: Signal<{ readonly name: string; readonly text: string } | undefined> = signal(undefined);
  readonly order: Signal<"feed" | "any"> = signal("feed");
  readonly graceMs: Signal<string> = signal("");
  readonly allowsLoopback: Signal<boolean> = signal(false);
  readonly isExporting: Signal<boolean> = signal(false);
  readonly view: Signal<View> = signal("lines");
  readonly filter: Signal<Filter> = signal("all");
  readonly opened: Signal<Opened | undefined> = signal(undefined);
  /** Something that the reader did and that could not be done. */
  readonly complaint: Signal<string | undefined> = signal(undefined);
  readonly #feed: Signal<FeedRef | undefined> = signal(undefined);
  readonly desk: AuditDesk = openDesk((progress) => (this.progress.value = progress));
  /** What the page does with the feed, one after the other. */
  #runs = 0;
  #reports = 0;

  get feed(): ReadonlySignal<FeedRef | undefined> {
    return this.#feed;
  }

  /** Takes files that were dropped or chosen: a feed, keys and promised events, in any order. */
  async take(files: readonly File[]): Promise<void> {
    this.complaint.value = undefined;
    try {
      const found = await Promise.all(files.map(dropped));
      for (const one of found) {
        if (one.kind === "keys") this.addKeys(one.name, one.text);
        if (one.kind === "promised") this.promised.value = one;
      }
      const [feed, second] = found.filter((one) => one.kind === "feed");
      if (second !== undefined) this.complaint.value = "One feed at a time: the first of them was taken.";
      if (feed !== undefined) await this.#inspect({ kind: "file", file: feed.file });
    } catch (error) {
      this.complaint.value = messageOf(error);
    }
  }

  /** Keys are of the one issuer there is, until the reader says otherwise. */
  addKeys(name: string, text: string): void {
    this.keys.value = [...this.keys.value, { issuer: this.issuers.value[0] ?? "", name, text }];
  }

  trust(issuer: string): void {
    if (issuer === "" || this.issuers.value.includes(issuer)) return;
    this.issuers.value = [...this.issuers.value, issuer];
    this.keys.value = this.keys.value.map((keys) => (keys.issuer === "" ? { ...keys, issuer } : keys));
  }

  distrust(issuer: string): void {
    this.issuers.value = this.issuers.value.filter((one) => one !== issuer);
    this.keys.value = this.keys.value.map((keys) => (keys.issuer === issuer ? { ...keys, issuer: "" } : keys));
  }

  /** Verifies the feed with what the reader has given. */
  async start(form: Verification["form"]): Promise<void> {
    const feed = this.#feed.value;
    if (feed === undefined) return;
    const keys = this.keys.value.filter(({ issuer }) => issuer !== "");
    await this.run({
      feed,
      form,
      issuers: this.issuers.value,
      keys,
      allowLoopbackHttp: this.allowsLoopback.value,
      promised: this.promised.value?.text,
      order: this.order.value,
      graceWindowMs: /^\d{1,7}$/.test(this.graceMs.value) ? Number(this.graceMs.value) : undefined,
    });
  }

  async run(verification: Verification): Promise<void> {
    const run = this.#next();
    const { feed } = verification;
    const { name, size } = feed.kind === "file" ? feed.file : feed;
    this.#feed.value = feed;
    this.stage.value = { kind: "verifying", name, size };
    try {
      const summary = await this.desk.verify(verification);
      if (run !== this.#runs) return;
      this.filter.value = summary.accepted < summary.lines ? "rejected" : "all";
      this.view.value = "lines";
      this.stage.value = { kind: "done", name, summary };
    } catch (error) {
      if (run === this.#runs) this.stage.value = { kind: "failed", name, message: messageOf(error) };
    }
  }

  /** Back to the question whom to believe, with what was given. */
  async reconsider(): Promise<void> {
    const feed = this.#feed.value;
    if (feed === undefined) return this.reset();
    await this.#inspect(feed);
  }

  /** Another feed; keys and trust stay. */
  reset(): void {
    this.#next();
    this.#feed.value = undefined;
    this.complaint.value = undefined;
    this.stage.value = { kind: "empty" };
  }

  async openLine(line: number): Promise<void> {
    await this.#open(async () => {
      const detail = await this.desk.line(line);
      return detail === undefined ? { kind: "none", wanted: `line ${line}` } : { kind: "line", detail };
    });
  }

  /** @param id a decision, a reservation, or the number of a line. */
  async find(id: string): Promise<void> {
    if (/^\d{1,9}$/.test(id)) return this.openLine(Number(id));
    await this.#open(async () => {
      const life = await this.desk.life(id);
      return life === undefined ? { kind: "none", wanted: id } : { kind: "life", life };
    });
  }

  /** The report of what was verified; `undefined` where it was stopped, or cannot be made. */
  async report(): Promise<Blob | undefined> {
    const report = (this.#reports += 1);
    this.isExporting.value = true;
    try {
      return await this.desk.report();
    } catch (error) {
      if (report === this.#reports) this.complaint.value = messageOf(error);
      return undefined;
    } finally {
      if (report === this.#reports) this.isExporting.value = false;
    }
  }

  /** Ends what the worker does, which is to make a report or to verify. */
  stop(): void {
    this.#reports += 1;
    this.isExporting.value = false;
    // Nothing waits for it: the worker takes it between two lines.
    this.desk.stop().catch(() => {});
  }

  async #open(read: () => Promise<Opened>): Promise<void> {
    const run = this.#runs;
    try {
      const opened = await read();
      if (run === this.#runs) this.opened.value = opened;
    } catch (error) {
      if (run === this.#runs) this.complaint.value = messageOf(error);
    }
  }

  async #inspect(feed: FeedRef): Promise<void> {
    const run = this.#next();
    const name = feed.kind === "file" ? feed.file.name : feed.name;
    this.#feed.value = feed;
    this.stage.value = { kind: "inspecting", name };
    try {
      const inspection = await this.desk.inspect(feed);
      if (run === this.#runs) this.stage.value = { kind: "asking", inspection };
    } catch (error) {
      if (run === this.#runs) this.stage.value = { kind: "failed", name, message: messageOf(error) };
    }
  }

  /** Ends what was under way. @returns the number of what comes in its place. */
  #next(): number {
    this.stop();
    this.opened.value = undefined;
    this.progress.value = undefined;
    return (this.#runs += 1);
  }
}
