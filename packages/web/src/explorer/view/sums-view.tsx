import type { JSX } from "preact";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import { moneyText } from "../../shared/money.ts";
import { Blank } from "../../shared/shell.tsx";
import { counted, grouped } from "../../shared/text.ts";
import type { Summary, Sums } from "../audit/messages.ts";

/** More budgets are in the exported report's events, not on a page. */
const mostBudgets = 200;

/** What came in and what became of it, budget by budget. */
export function SumsView({ summary }: { readonly summary: Summary }): JSX.Element {
  const { sums, unsummed } = summary;
  if (sums.length === 0) {
    return (
      <div class="panel">
        <Blank title="Nothing to add up">
          <p>No authentic event reserves an amount.</p>
        </Blank>
      </div>
    );
  }
  return (
    <>
      <p class="padded muted">
        Sums of what authentic events say, each counted once. What was reserved, charged beyond it or charged after its
        TTL must be what was committed, given back, quarantined or is still held.
        {unsummed > 0 && ` ${counted(unsummed, "event")} could be counted in no budget: the reserve is not here.`}
      </p>
      {sums.slice(0, mostBudgets).map((row) => (
        <Equation key={`${row.source} ${row.budget} ${row.unit}`} row={row} />
      ))}
      {sums.length > mostBudgets && <p class="padded muted">{counted(sums.length - mostBudgets, "more budget")}.</p>}
    </>
  );
}

function Equation({ row }: { readonly row: Sums }): JSX.Element {
  const { unit, budget, source, decisions, denied, refunded, difference } = row;
  const isEven = difference === "0";
  return (
    <section class="panel padded">
      <h2>
        <Foreign text={budget} /> <span class="muted">in</span> <Foreign text={unit} most={60} />{" "}
        <span class={`chip ${isEven ? "good" : "bad"}`}>
          <Icon name={isEven ? "good" : "bad"} />
          {isEven ? "adds up" : `differs by ${moneyText(difference, unit)}`}
        </span>
      </h2>
      <div class="equation">
        <Side
          title="Came in"
          unit={unit}
          parts={[
            ["reserved", row.reserved],
            ["charged beyond the reserve", row.overage],
            ["charged after the TTL", row.afterExpiry],
          ]}
        />
        <Side
          title="Became"
          unit={unit}
          parts={[
            ["committed", row.committed],
            ["given back", row.returned],
            ["quarantined", row.quarantined],
            ["still held", row.held],
          ]}
        />
      </div>
      <p class="muted">
        {counted(decisions, "grant")}, {grouped(String(denied))} denied
        {refunded !== "0" && `, ${moneyText(refunded, unit)} refunded afterwards`}. <Foreign text={source} mono />
      </p>
    </section>
  );
}

interface SideProps {
  readonly title: string;
  readonly unit: string;
  readonly parts: readonly (readonly [name: string, amount: string])[];
}

/** The parts that are not zero, and their sum. */
function Side({ title, unit, parts }: SideProps): JSX.Element {
  const [first, ...others] = parts;
  const shown = [first, ...others.filter(([, amount]) => amount !== "0")].filter((part) => part !== undefined);
  const total = parts.reduce((sum, [, amount]) => sum + BigInt(amount), 0n);
  return (
    <table>
      <caption>{title}</caption>
      <tbody>
        {shown.map(([name, amount]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number">{moneyText(amount, unit)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">together</th>
          <td class="number">{moneyText(String(total), unit)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
