import { existsSync, readFileSync } from "node:fs";
import { cycles } from "@imprest/core/zod";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { pairs } from "./support.ts";

// What the JSON Schemas of the models say: of every member its type, and where the YAML specifications stand beside the
// checkout, the enumerations, bounds and required members that these state.

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly [keyword: string]: unknown;
}

const jsonSchemas = pairs.map(({ name, schema }) => [name, () => z.toJSONSchema(schema) as Schema] as const);

/** Members that hold whatever their caller put there. */
const free = /^(?:args|input|output|params|payload|result|body)$/;

function untyped(schema: Schema, path: string): string[] {
  const { properties = {}, items } = schema;
  const members = Object.entries(properties).flatMap(([name, member]) => {
    const has = member.type ?? member["anyOf"] ?? member["oneOf"];
    return [
      ...(has === undefined && !free.test(name) ? [`${path}.${name}`] : []),
      ...untyped(member, `${path}.${name}`),
    ];
  });
  return [...members, ...(items === undefined ? [] : untyped(items, `${path}[]`))];
}

describe("the JSON Schemas of the models", () => {
  it.each(jsonSchemas)("%s becomes one, in both directions, and every member has a type", (name, made) => {
    expect(untyped(made(), name)).toEqual([]);
  });
});

const folder = new URL("../../../../../shared/specs/cycles/", import.meta.url);
const isMissing = !existsSync(folder) && process.env["CI"] === undefined;
/** Where a name stands in several documents, the first is the one that the others repeat. */
const documents = [
  "cycles-protocol-v0.yaml",
  "cycles-action-kinds-v0.1.26.yaml",
  "cycles-governance-admin-v0.1.25.yaml",
].map((file) => (isMissing ? {} : (parse(readFileSync(new URL(file, folder), "utf8")) as object)));

/** Models whose name is not their schema's. */
const renamed: Readonly<Record<string, string>> = {
  emittedEvent: "Event",
  gracePeriod: "",
  requestAction: "Action",
  requestAmount: "Amount",
  requestSubject: "Subject",
};

function specified(name: string): Schema | undefined {
  for (const document of documents) {
    const { components } = document as { components?: { schemas?: Record<string, Schema> } };
    const found = components?.schemas?.[name];
    if (found !== undefined) return found;
  }
  return undefined;
}

function resolved(schema: Schema): Schema {
  const named = schema.$ref === undefined ? schema : (specified(schema.$ref.split("/").at(-1) ?? "") ?? {});
  return named.allOf === undefined ? named : { ...resolved(named.allOf[0] ?? {}), ...named };
}

const keywords = ["minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "enum"] as const;

/** Where the models mean to differ from the letter of the YAML, and why. */
const meant: ReadonlyArray<readonly [path: RegExp, why: string]> = [
  [/^errorResponse\.error enum$/, "with the codes of the extension v0.1.26"],
  [
    /event_type enum$/,
    "the extension adds types, and `custom.…` is free; the known ones are the keys of `eventDataByType`",
  ],
  [/^\w+ required of has_more$/, "an answer without it is read: no further page"],
];

/** What the specification states and we do not state alike. */
function differences(ours: Schema, theirs: Schema, path: string): string[] {
  const spec = resolved(theirs);
  const found = keywords
    .filter((keyword) => spec[keyword] !== undefined && JSON.stringify(spec[keyword]) !== JSON.stringify(ours[keyword]))
    .map((keyword) => `${path} ${keyword}`);
  if (ours.items !== undefined && spec.items !== undefined)
    found.push(...differences(ours.items, spec.items, `${path}[]`));
  if (ours.properties === undefined || spec.properties === undefined) return found;
  for (const name of spec.required ?? []) if (!ours.required?.includes(name)) found.push(`${path} required of ${name}`);
  for (const [name, member] of Object.entries(ours.properties)) {
    const their = spec.properties[name];
    if (their !== undefined) found.push(...differences(member, their, `${path}.${name}`));
  }
  return found;
}

const models = Object.entries(cycles).flatMap(([name, schema]) => {
  const spec = specified(renamed[name] ?? name.replace(/^./, (letter) => letter.toUpperCase()));
  return schema instanceof z.ZodType && spec !== undefined ? [[name, schema, spec] as const] : [];
});

describe.skipIf(isMissing)("beside the specifications of Cycles", () => {
  it("stand the models that these name", () => {
    expect(models.length).toBeGreaterThan(35);
  });

  it.each(models)("%s states the same enumerations, bounds and required members", (name, schema, spec) => {
    const found = differences(z.toJSONSchema(schema) as Schema, spec, name);
    expect(found.filter((line) => !meant.some(([path]) => path.test(line)))).toEqual([]);
  });

  it("every event type of the specification has the shape of its data", () => {
    const types = specified("EventType")?.["enum"] as readonly string[];
    expect(Object.keys(cycles.eventDataByType)).toEqual(expect.arrayContaining([...types]));
  });
});
