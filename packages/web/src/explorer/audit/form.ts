import { type JsonObject, asObject, readObject } from "../../shared/json-object.ts";
import type { Form } from "./messages.ts";

/** What one line is by its form, and who it says it is from. Nothing of it is believed. */
export interface Recognised {
  readonly form: Form;
  readonly issuer: string | undefined;
}

/** @returns `undefined` for a line that is none of the three forms. */
export function recognise(line: Uint8Array): Recognised | undefined {
  const value = readObject(new TextDecoder().decode(line));
  if (value === undefined) return undefined;
  const { type, source, data, evidence_id, server_id, schema } = value;
  if (typeof type === "string" && type.includes(".audit.") && data !== undefined) {
    return { form: "asp", issuer: originOf(source) };
  }
  if (typeof evidence_id === "string" && "signer_did" in value) return { form: "evidence", issuer: textOf(server_id) };
  if (typeof schema === "string" && schema.startsWith("runtime_authority.ap2.")) {
    return { form: "receipt", issuer: receiptIssuer(value) };
  }
  return undefined;
}

/** The form of the first line that has one, and the issuers that the lines of that form name. */
export function recogniseHead(head: Uint8Array): { readonly form: Form | undefined; readonly issuers: string[] } {
  let form: Form | undefined;
  const issuers = new Set<string>();
  for (const line of linesOf(head)) {
    const found = recognise(line);
    form ??= found?.form;
    if (found?.issuer !== undefined && found.form === form && issuers.size < mostIssuers) issuers.add(found.issuer);
  }
  return { form, issuers: [...issuers] };
}

/** More would be a list that nobody confirms one by one. */
const mostIssuers = 8;

function* linesOf(head: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  for (let end = head.indexOf(0x0a); end !== -1; end = head.indexOf(0x0a, start)) {
    yield head.subarray(start, end);
    start = end + 1;
  }
  // What stands there without an end may be the whole file, or half of a line, which is no JSON.
  yield head.subarray(start);
}

/** Evidence stands in a receipt as the text of its envelope. */
function receiptIssuer({ evidence }: JsonObject): string | undefined {
  const envelope = asObject(evidence)?.["envelope"];
  return typeof envelope === "string" ? textOf(readObject(envelope)?.["server_id"]) : undefined;
}

function originOf(source: unknown): string | undefined {
  const text = textOf(source);
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  return origin === "null" ? undefined : origin;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.length > 0 && value.length <= 300 ? value : undefined;
}
