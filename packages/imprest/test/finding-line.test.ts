import { describe, expect, it } from "vitest";
import { findingLine } from "../src/cli/finding-line.ts";

describe("a finding as a line", () => {
  it("holds what a stranger named, but no line, no cursor and no direction of theirs", () => {
    const pointer = "/\u001b[2Jx\r\n\nline 9: authentic\u009b1m\u202e";
    const finding = { kind: "signature", severity: "warning", code: "unsigned_attribute", pointer } as const;
    const line = findingLine({ ...finding, message: "no\nline\u2028either" });
    expect(line).toBe("  unsigned_attribute at / [2Jx line 9: authentic 1m: no line either\n");
    expect(findingLine({ ...finding, pointer: undefined, message: "plain" })).toBe("  unsigned_attribute: plain\n");
  });
});
