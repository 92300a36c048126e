import type { Finding } from "@imprest/core/audit";
import type { ShownFinding } from "./messages.ts";

/** A page shows no more; every one is in the exported report. */
const mostErrors = 1_500;
const mostWarnings = 500;
const mostCodes = 200;

/** The first findings of a file, and how many there are of each code. */
export class FindingList {
  readonly shown: ShownFinding[] = [];
  leftOut = 0;
  #errors = 0;
  readonly #codes = new Map<string, { code: string; severity: "error" | "warning"; count: number }>();

  add(finding: Finding, about: { readonly line?: number; readonly group?: string | undefined }): void {
    const isError = finding.severity === "error";
    const warnings = this.shown.length - this.#errors;
    if (isError ? this.#errors < mostErrors : warnings < mostWarnings) {
      this.#errors += isError ? 1 : 0;
      this.shown.push(shownFinding(finding, about));
    } else this.leftOut += 1;
    const key = this.#codes.size < mostCodes ? finding.code : "other";
    const counted = this.#codes.get(finding.code) ?? this.#codes.get(key);
    if (counted !== undefined) counted.count += 1;
    else this.#codes.set(key, { code: key.slice(0, 60), severity: finding.severity, count: 1 });
  }

  /** Most frequent first. */
  get codes(): readonly { readonly code: string; readonly severity: "error" | "warning"; readonly count: number }[] {
    return [...this.#codes.values()].sort((a, b) => b.count - a.count);
  }

  ofLine(line: number): readonly ShownFinding[] {
    return this.shown.filter((finding) => finding.line === line);
  }
}

/** A finding as a page shows it: its message may repeat a name of a megabyte. */
export function shownFinding(
  { severity, code, message, pointer }: Finding,
  { line, group }: { readonly line?: number | undefined; readonly group?: string | undefined },
): ShownFinding {
  return {
    ...(line !== undefined && { line }),
    ...(group !== undefined && { group: group.slice(0, 128) }),
    severity,
    code: code.slice(0, 60),
    message: message.slice(0, 400),
    ...(pointer !== undefined && { pointer: pointer.slice(0, 200) }),
  };
}
