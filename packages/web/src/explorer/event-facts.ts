import { parseJson, stringifyJson } from "@imprest/core/internal";
import { asObject, readObject } from "../shared/json-object.ts";

/** One member of a statement, as a timeline shows it. */
export interface EventFact {
  readonly name: string;
  readonly value: string;
  /** A decimal in the decision's unit. */
  readonly isAmount: boolean;
}

/** More would hide the few that matter. */
const mostFacts = 20;
/** Said already by where the event stands. */
const known: ReadonlySet<string> = new Set(["decision_id", "kid", "event_time"]);

/** What an event says beside who and when: the members of `data`, of an envelope's `payload`, or of a receipt. */
export function factsOf(text: string): readonly EventFact[] {
  const value = readObject(text, parseJson);
  const said = asObject(value?.["data"]) ?? asObject(value?.["payload"]) ?? value ?? {};
  const names = Object.keys(said).filter((name) => !known.has(name));
  return names.slice(0, mostFacts).map((name) => {
    const member = said[name];
    const written = typeof member === "string" ? member : stringifyJson(member);
    const isAmount = name.includes("_atomic") && /^\d{1,78}$/.test(written);
    return { name, value: written, isAmount };
  });
}

/** The unit that a reserve names. */
export function unitOf(text: string): string | undefined {
  const unit = asObject(readObject(text, parseJson)?.["data"])?.["unit"];
  return typeof unit === "string" ? unit : undefined;
}
