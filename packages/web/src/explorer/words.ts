import type { Disposition } from "@imprest/core/audit";
import type { Form, Row } from "./audit/messages.ts";
import type { IconName } from "../shared/icon.tsx";

export interface Verdict {
  readonly word: string;
  readonly tone: "good" | "warn" | "bad";
  readonly icon: IconName;
}

/** The verdict on a line in a word or two. */
export function verdictOf({
  accepted,
  warned,
  disposition,
}: Pick<Row, "accepted" | "warned" | "disposition">): Verdict {
  if (accepted) {
    return warned
      ? { word: "accepted, warning", tone: "warn", icon: "warn" }
      : { word: "accepted", tone: "good", icon: "good" };
  }
  return { word: refusals[disposition], tone: "bad", icon: "bad" };
}

const refusals: Readonly<Record<Disposition, string>> = {
  authentic: "authentic, but wrong",
  binding_only: "signer not established",
  signer_authority_failed: "key refused",
  signer_resolution_failed: "signer unknown",
  signature_invalid: "not what was signed",
};

/** What each disposition establishes, for the tally. */
export const dispositionMeanings: Readonly<Record<Disposition, string>> = {
  authentic: "signed by a key of a trusted issuer",
  binding_only: "rightly signed, by whom is not established",
  signer_authority_failed: "the issuer's keys refuse the key",
  signer_resolution_failed: "no keys of the signer are known, or it is not trusted",
  signature_invalid: "altered, damaged, or never signed",
};

export const formNames: Readonly<Record<Form, { readonly one: string; readonly many: string }>> = {
  asp: { one: "ASP event", many: "ASP events" },
  evidence: { one: "evidence envelope", many: "evidence envelopes" },
  receipt: { one: "AP2 receipt", many: "AP2 receipts" },
};

/** `12.3 MB` */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1_000 ** power;
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power] ?? ""}`;
}

/** What signatures alone leave open on statements that no auditor puts together. */
export const unprovenOfEnvelopes: readonly string[] = [
  "That nothing is missing: a signature says nothing about statements that were dropped. Compare with your own journal.",
  "That the statements are true: they prove what the authority said, and when it says it said so.",
  "That a stolen key was not used: its thief can date statements into the key's window.",
  "That they were not presented before: a replayed envelope is still valid.",
];
