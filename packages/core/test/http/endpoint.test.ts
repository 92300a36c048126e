import { afterEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "@imprest/core";
import { Secret, isBrowser, resolveApiKey } from "@imprest/core/internal";

afterEach(() => vi.unstubAllGlobals());

describe("isBrowser", () => {
  const page = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36";

  it.each([
    ["a page", { document: {}, navigator: { userAgent: page } }, true],
    ["a worker of a page", { document: undefined, navigator: { userAgent: page } }, true],
    ["a page whose navigator says nothing", { document: {}, navigator: {} }, true],
    ["Node", { document: undefined, navigator: { userAgent: "Node.js/24" } }, false],
    ["Workers", { document: undefined, navigator: { userAgent: "Cloudflare-Workers" } }, false],
    ["a runtime without navigator", { document: undefined, navigator: undefined }, false],
  ])("%s: %o", (_where, globals, expected) => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    expect(isBrowser()).toBe(expected);
  });
});

describe("resolveApiKey", () => {
  it.each(["", "1234567", "a key of words", "schl\u00fcsselchen"])(
    "refuses %j, from wherever it comes",
    async (key) => {
      expect(() => resolveApiKey(key)).toThrow(ConfigurationError);
      expect(() => resolveApiKey(new Secret(key))).toThrow(ConfigurationError);
      const source = resolveApiKey(() => key);
      if (typeof source !== "function") throw new Error("a function stays one");
      await expect(source()).rejects.toThrow(ConfigurationError);
    },
  );

  it("takes 8 visible characters", () => {
    expect(resolveApiKey("12345678")).toEqual(new Secret("12345678"));
  });
});
