import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { spanText } from "../../shared/time.ts";
import { Icon } from "../../shared/icon.tsx";
import { Notice } from "../../shared/shell.tsx";
import { TabPanel, Tabs } from "../../shared/tabs.tsx";
import { counted, grouped } from "../../shared/text.ts";
import type { Summary } from "../audit/messages.ts";
import type { ExplorerStore, View } from "../store.ts";
import { formNames, sizeText, unprovenOfEnvelopes } from "../words.ts";
import { FindingsView } from "./findings-view.tsx";
import { LinesView } from "./lines-view.tsx";
import { OpenedPanel } from "./opened-panel.tsx";
import { SumsView } from "./sums-view.tsx";
import { UnprovenView } from "./unproven-view.tsx";

export interface ResultProps {
  readonly store: ExplorerStore;
  readonly summary: Summary;
  readonly name: string;
}

export function ResultView({ store, summary, name }: ResultProps): JSX.Element {
  const view = store.view.value;
  const unproven = summary.conclusion?.unproven.map(({ message }) => message) ?? unprovenOfEnvelopes;
  const found = summary.findings.length + summary.findingsLeftOut;
  const hasErrors = summary.codes.some(({ severity }) => severity === "error");
  const isBroken = summary.sums.some(({ difference }) => difference !== "0");
  return (
    <>
      <Headline summary={summary} />
      <Cautions store={store} summary={summary} />
      <Actions store={store} name={name} />
      <Tabs<View>
        label="Views"
        chosen={view}
        onChoose={(chosen) => (store.view.value = chosen)}
        tabs={[
          { name: "lines", title: "Lines", count: <Count of={summary.lines} /> },
          {
            name: "findings",
            title: "Findings",
            count: <Count of={found} tone={hasErrors ? "bad" : found > 0 ? "warn" : ""} />,
          },
          ...(summary.form === "asp"
            ? [{ name: "sums" as const, title: "Sums", count: isBroken ? <span class="chip bad">differ</span> : null }]
            : []),
          { name: "unproven", title: "Not proven", count: <Count of={unproven.length} /> },
        ]}
      />
      <div class={store.opened.value === undefined ? "views" : "views opened"}>
        <TabPanel of={view}>
          {view === "lines" && <LinesView store={store} summary={summary} />}
          {view === "findings" && <FindingsView store={store} summary={summary} />}
          {view === "sums" && <SumsView summary={summary} />}
          {view === "unproven" && <UnprovenView unproven={unproven} />}
        </TabPanel>
        <OpenedPanel store={store} />
      </div>
    </>
  );
}

function Count({ of: count, tone = "" }: { readonly of: number; readonly tone?: string }): JSX.Element {
  return <span class={`chip ${tone}`}>{grouped(String(count))}</span>;
}

/** The verdict on the whole, in one sentence. */
function Headline({ summary }: { readonly summary: Summary }): JSX.Element {
  const { lines, accepted, warned, findings, conclusion, form, bytes, ms } = summary;
  const rejected = lines - accepted;
  const onWhole = findings.filter(({ line, severity }) => line === undefined && severity === "error").length;
  const isClean = rejected === 0 && onWhole === 0;
  const names = formNames[form];
  return (
    <section class={`headline ${isClean ? "good" : "bad"}`} role="status">
      <Icon name={isClean ? "good" : "bad"} />
      <div>
        <h2>
          {isClean
            ? `${counted(lines, names.one, names.many)}: nothing is wrong`
            : `${counted(rejected, "line")} of ${grouped(String(lines))} not accepted${onWhole > 0 ? `, and ${counted(onWhole, "finding")} on the whole feed` : ""}`}
        </h2>
        <p>
          {conclusion !== undefined &&
            `${counted(conclusion.decisions, "decision")}, ${grouped(String(conclusion.open))} open, ${grouped(String(conclusion.repeated))} repeated. `}
          {warned > 0 && `${counted(warned, "line")} with a warning. `}
          {sizeText(bytes)} in {spanText(ms)}.
        </p>
      </div>
    </section>
  );
}

/** What makes the verdict another one than it seems. */
function Cautions({ store, summary }: Pick<ResultProps, "store" | "summary">): JSX.Element {
  const { strangers, strays, unlisted, form } = summary;
  return (
    <>
      {strangers > 0 && (
        <Notice tone="warn">
          {counted(strangers, "event")} of issuers that you do not trust.{" "}
          <button type="button" class="button" onClick={() => void store.reconsider()}>
            Say whom to trust
          </button>
        </Notice>
      )}
      {strays.map((stray) => (
        <Notice key={stray.form} tone="warn">
          The file mixes forms: {counted(stray.count, formNames[stray.form].one, formNames[stray.form].many)}, the first
          on line {stray.firstLine}, among {formNames[form].many}. They were judged as {formNames[form].many}; verify
          them in a file of their own.
        </Notice>
      ))}
      {unlisted > 0 && (
        <Notice tone="info">
          The list ends before the last {counted(unlisted, "line")}; they were verified and are in the counts.
        </Notice>
      )}
    </>
  );
}

function Actions({ store, name }: Pick<ResultProps, "store" | "name">): JSX.Element {
  const text = useSignal("");
  const find = (event: Event): void => {
    event.preventDefault();
    const wanted = text.value.trim();
    if (wanted !== "") void store.find(wanted);
  };
  const save = async (): Promise<void> => {
    const report = await store.report();
    if (report !== undefined) saveAs(report, `${name}.report.ndjson`);
  };
  return (
    <form class="bar actions" onSubmit={find} role="search">
      <label class="field grow">
        Find a decision, a reservation or a line
        <input
          id="find"
          type="search"
          autoComplete="off"
          spellcheck={false}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button">
        Find
      </button>
      {store.isExporting.value ? (
        <button type="button" class="button end" onClick={() => store.stop()}>
          Verifying again for the report… Stop
        </button>
      ) : (
        <button type="button" class="button end" onClick={() => void save()}>
          Export as JSON
        </button>
      )}
      <button type="button" class="button" onClick={() => void store.reconsider()}>
        Trust and keys
      </button>
    </form>
  );
}

function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the blob up by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
