import type { Dialect, DialectName } from "./dialects/dialect.ts";
import { go } from "./dialects/go.ts";
import { python } from "./dialects/python.ts";
import { spec } from "./dialects/spec.ts";
import { typescript } from "./dialects/typescript.ts";

const dialects: Readonly<Record<DialectName, Dialect>> = { spec, ts: typescript, py: python, go };

export function dialectOf(name: DialectName): Dialect {
  return dialects[name];
}
