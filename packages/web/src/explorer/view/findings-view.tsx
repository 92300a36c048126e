import type { JSX } from "preact";
import { Foreign } from "../../shared/foreign.tsx";
import { Blank } from "../../shared/shell.tsx";
import { counted, grouped } from "../../shared/text.ts";
import type { ShownFinding, Summary } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";
import { FindingItem } from "./finding-item.tsx";

interface FindingsProps {
  readonly store: ExplorerStore;
  readonly summary: Summary;
}

/** More groups or findings of one would be a page that nobody reads to its end. */
const mostGroups = 200;
const mostOfGroup = 20;

/** Findings by reservation: what belongs to one decision stands together. */
export function FindingsView({ store, summary }: FindingsProps): JSX.Element {
  const { findings, findingsLeftOut, codes } = summary;
  if (findings.length === 0) {
    return (
      <div class="panel">
        <Blank title="Nothing was found">
          <p>Each line is accepted, and so are the lines together. What that does not prove is under “Not proven”.</p>
        </Blank>
      </div>
    );
  }
  const groups = groupsOf(findings);
  const leftOut = findingsLeftOut + groups.slice(mostGroups).reduce((sum, { all }) => sum + all.length, 0);
  return (
    <>
      <section class="panel padded">
        <h2>By code</h2>
        <ul class="codes">
          {codes.map(({ code, severity, count }) => (
            <li key={code} class={`chip ${severity === "error" ? "bad" : "warn"}`}>
              <Foreign text={code} most={60} mono /> {grouped(String(count))}
            </li>
          ))}
        </ul>
      </section>
      {groups.slice(0, mostGroups).map(({ group, all }) => (
        <section key={group ?? ""} class="panel padded">
          <h2>
            {group === undefined ? (
              "Lines of no known decision, and the feed as a whole"
            ) : (
              <button type="button" class="link" onClick={() => void store.find(group)}>
                <Foreign text={group} mono />
              </button>
            )}
          </h2>
          <ul class="findings">
            {all.slice(0, mostOfGroup).map((finding, at) => (
              <FindingItem key={at} finding={finding} store={store} />
            ))}
          </ul>
          {all.length > mostOfGroup && <p class="muted">{counted(all.length - mostOfGroup, "more finding")} of it.</p>}
        </section>
      ))}
      {leftOut > 0 && (
        <p class="muted padded">{counted(leftOut, "more finding")}; the exported report has every one.</p>
      )}
    </>
  );
}

interface Group {
  readonly group: string | undefined;
  readonly all: ShownFinding[];
}

function groupsOf(findings: readonly ShownFinding[]): readonly Group[] {
  const groups = new Map<string | undefined, ShownFinding[]>();
  for (const finding of findings) {
    const known = groups.get(finding.group);
    if (known === undefined) groups.set(finding.group, [finding]);
    else known.push(finding);
  }
  return Array.from(groups, ([group, all]) => ({ group, all }));
}
