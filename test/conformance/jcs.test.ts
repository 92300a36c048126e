import { hex, utf8 } from "@imprest/core/internal";
import { canonicalize, parseStrictJson } from "@imprest/core/audit";
import { describe, expect, it } from "vitest";
import { isMissing, namesIn, textOf } from "./shared.ts";

describe.skipIf(isMissing)("RFC 8785 input and output pairs", () => {
  const names = namesIn("jcs/input/");

  it("has all six pairs", () => {
    expect(names).toHaveLength(6);
  });

  it.each(names)("%s, as text and as hex", (name) => {
    const canonical = canonicalize(parseStrictJson(textOf(`jcs/input/${name}`)));
    expect(canonical).toBe(textOf(`jcs/output/${name}`));
    expect(hex(utf8(canonical))).toBe(textOf(`jcs/outhex/${name.replace(".json", ".txt")}`).replace(/\s/g, ""));
  });
});
