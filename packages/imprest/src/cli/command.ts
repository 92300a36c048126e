import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { Terminal } from "./terminal.ts";

/** One command of `imprest`. */
export interface Command {
  /** A screen at most. */
  readonly help: string;
  /** @returns the exit code. @throws UsageError for arguments that cannot be used. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** The command line cannot be used; the message says what to do. */
export class UsageError extends Error {}

export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** Reads options and at most `most` positional arguments. @throws UsageError naming what is wrong. */
export function readArguments(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  most: number,
): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    if (positionals.length <= most) return { values, positionals };
    throw new UsageError(`"${positionals[most]}" is one argument too many.`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : "The arguments cannot be read.", { cause: error });
  }
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function textsOf(values: Values, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** A whole number from 0 to `most`. @throws UsageError naming the option. */
export function wholeOf(values: Values, name: string, most: number): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UsageError(`--${name} must be a whole number from 0 to ${most}.`);
}

/** `text` or `json`. @throws UsageError for anything else. */
export function formatOf(values: Values): "text" | "json" {
  const format = textOf(values, "format") ?? "text";
  if (format === "text" || format === "json") return format;
  throw new UsageError('--format is "text" or "json".');
}
