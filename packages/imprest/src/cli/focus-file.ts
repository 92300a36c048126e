import {
  type FocusMoney,
  type FocusOmission,
  type FocusPrice,
  type FocusPriced,
  applicableFocusColumns,
  createFocusExporter,
  focusColumns,
  focusCsvHeader,
  focusCsvLine,
  focusJsonLine,
} from "@imprest/asp/audit";
import type { AuditEvent } from "@imprest/core/models/asp";
import { UsageError, type Values, textOf, textsOf } from "./command.ts";
import { printable } from "./printable.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `--focus`, for `readArguments`. */
export const focusOptions = {
  focus: { type: "string" },
  "focus-columns": { type: "string" },
  "billing-account": { type: "string" },
  provider: { type: "string" },
  money: { type: "string", multiple: true },
  price: { type: "string", multiple: true },
} as const;

/** FOCUS rows beside a verification. */
export interface FocusFile {
  add(event: AuditEvent): Promise<void>;
  /** Ends the file. @returns how many rows it has, and how much money has none. */
  close(): Promise<{ readonly rows: number; readonly omitted: number }>;
}

/**
 * Opens the file that `--focus` names; `undefined` without it.
 * @param report is given each settlement that has no row.
 * @throws UsageError for options that cannot be used.
 */
export async function openFocusFile(
  values: Values,
  terminal: Terminal,
  report: (omission: FocusOmission) => Promise<void>,
): Promise<FocusFile | undefined> {
  const path = textOf(values, "focus");
  if (path === undefined) return undefined;
  const billingAccountId = textOf(values, "billing-account");
  const providerName = textOf(values, "provider");
  if (billingAccountId === undefined || providerName === undefined) {
    throw new UsageError("--focus needs --billing-account ID and --provider NAME: FOCUS requires them of every row.");
  }
  const columns = columnsOf(values);
  const money = readMoney(textsOf(values, "money"));
  const exporter = createFocusExporter({ billingAccountId, providerName, money, priceOf: readPrices(values) });
  const isJson = path.endsWith(".ndjson");
  const output = terminal.create(path);
  if (!isJson) await output.write(`${focusCsvHeader(columns)}\r\n`);
  let written = 0;
  let omitted = 0;
  const omit = async (omissions: readonly FocusOmission[]): Promise<void> => {
    for (const omission of omissions) await report(omission);
    omitted += omissions.length;
  };
  return {
    async add(event) {
      const { rows, omissions } = exporter.add(event);
      for (const row of rows) {
        await output.write(isJson ? `${focusJsonLine(row, columns)}\n` : `${focusCsvLine(row, columns)}\r\n`);
      }
      written += rows.length;
      await omit(omissions);
    },
    async close() {
      await omit(exporter.finish());
      await output.close();
      return { rows: written, omitted };
    },
  };
}

/** An omission as a line of the report. */
export function omissionLine({ code, message, eventId, amount }: FocusOmission): string {
  return `no FOCUS row for ${printable(eventId)}, ${amount}:\n  ${code}: ${printable(message)}\n`;
}

function columnsOf(values: Values): typeof focusColumns {
  const which = textOf(values, "focus-columns") ?? "all";
  if (which === "all") return focusColumns;
  if (which === "applicable") return applicableFocusColumns;
  throw new UsageError('--focus-columns is "all" or "applicable".');
}

/** `usd_atomic=USD:6`: a millionth of a dollar. */
function readMoney(given: readonly string[]): FocusMoney {
  return Object.fromEntries(
    given.map((argument) => {
      const [, unit = "", currency = "", scale = ""] = /^(.+)=([A-Z]{3}):(\d{1,2})$/s.exec(argument) ?? [];
      if (unit !== "") return [unit, { currency, scale: Number(scale) }];
      throw new UsageError(`--money ${argument} is no worth of a unit; write usd_atomic=USD:6, for millionths.`);
    }),
  );
}

/** `output_token=USD:0.00001` for every model, or for one: `gpt-large/output_token=USD:0.00003`, which then counts. */
function readPrices(values: Values): (priced: FocusPriced) => FocusPrice | undefined {
  const prices = new Map(
    textsOf(values, "price").map((argument) => {
      const [, name = "", currency = "", price = ""] =
        /^(.+)=([A-Z]{3}):(\d{1,20}(?:\.\d{1,20})?)$/s.exec(argument) ?? [];
      if (name !== "") return [name, { currency, price }];
      throw new UsageError(`--price ${argument} is no price of one of a unit; write output_token=USD:0.00001.`);
    }),
  );
  return ({ unit, model }) => prices.get(`${model}/${unit}`) ?? prices.get(unit);
}
