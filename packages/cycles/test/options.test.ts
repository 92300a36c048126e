import { afterEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "@imprest/core";
import { CyclesAuthority, CyclesClient, fromEnv } from "@imprest/cycles";

const good = { baseUrl: "https://cycles.example", apiKey: "test-key" };
const create = (more: object): CyclesClient => new CyclesClient({ ...good, ...more });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

describe("options", () => {
  it.each([
    ["https://cycles.example/", "https://cycles.example"],
    ["https://CYCLES.example:443/a//", "https://cycles.example/a"],
    ["http://localhost:7878", "http://localhost:7878"],
    ["http://api.localhost", "http://api.localhost"],
    ["http://127.0.0.1:7878/", "http://127.0.0.1:7878"],
    ["http://0x7f.1", "http://127.0.0.1"],
    ["http://[::1]:7878", "http://[::1]:7878"],
  ])("base URL %s is read as %s", (baseUrl, expected) => {
    expect(create({ baseUrl }).connection.options.baseUrl).toBe(expected);
  });

  it.each([
    [{ baseUrl: "cycles.example" }, "baseUrl"],
    [{ baseUrl: undefined }, "baseUrl"],
    [{ baseUrl: "ftp://cycles.example" }, "https"],
    [{ baseUrl: "https://user:pw@cycles.example" }, "user name"],
    [{ baseUrl: "https://cycles.example?x=1" }, "query"],
    [{ baseUrl: "https://cycles.example#x" }, "fragment"],
    [{ baseUrl: "http://cycles.example" }, "allowInsecureHttp"],
    [{ baseUrl: "http://localhost.evil.example" }, "allowInsecureHttp"],
    [{ baseUrl: "http://127.0.0.1.evil.example" }, "allowInsecureHttp"],
    [{ baseUrl: "http://10.0.0.1" }, "allowInsecureHttp"],
    [{ apiKey: "" }, "apiKey"],
    [{ apiKey: "a b" }, "apiKey"],
    [{ apiKey: "short-7" }, "8 characters"],
    [{ apiKey: "a\r\nx: 1" }, "apiKey"],
    [{ apiKey: 5 }, "apiKey"],
    [{ timeoutMs: Number.NaN }, "timeoutMs"],
    [{ timeoutMs: 0 }, "timeoutMs"],
    [{ timeoutMs: 1.5 }, "timeoutMs"],
    [{ timeoutMs: Infinity }, "timeoutMs"],
    [{ readAttempts: 11 }, "readAttempts"],
    [{ maxResponseBytes: -1 }, "maxResponseBytes"],
    [{ subject: { tenant: "a/b" } }, "/tenant"],
    [{ subject: {} }, "at least one of"],
    [{ timeout: 5 }, "timeout"],
  ])("%j is refused, naming %s", (more, named) => {
    expect(() => create(more)).toThrow(ConfigurationError);
    expect(() => create(more)).toThrow(named);
  });

  it("plain http elsewhere is allowed when asked for", () => {
    expect(create({ baseUrl: "http://10.0.0.1", allowInsecureHttp: true })).toBeInstanceOf(CyclesClient);
  });

  it("the resolved options are frozen, and later changes to what was passed do not reach them", () => {
    const subject = { tenant: "acme" };
    const { options } = create({ subject }).connection;
    subject.tenant = "other";
    expect(options.subject).toEqual({ tenant: "acme" });
    expect(Object.isFrozen(options) && Object.isFrozen(options.subject)).toBe(true);
    expect(options).toMatchObject({ timeoutMs: 5_000, readAttempts: 3, maxResponseBytes: 8_388_608 });
  });

  it.each([
    ["a page", "document", {}],
    ["a worker of a page", "navigator", { userAgent: "Mozilla/5.0 (X11; Linux x86_64)" }],
  ])("%s needs allowBrowserCredentials", (_what, name, value) => {
    vi.stubGlobal(name, value);
    expect(() => create({})).toThrow("allowBrowserCredentials");
    expect(create({ allowBrowserCredentials: true })).toBeInstanceOf(CyclesClient);
  });

  it("an authority's own options are checked too", () => {
    expect(() => new CyclesAuthority(good, { ttlMs: 999 })).toThrow("ttlMs");
    expect(() => new CyclesAuthority(good, { terms: { overage_policy: "MAYBE" as "REJECT" } })).toThrow("REJECT");
    expect(() => new CyclesAuthority(good, { terms: { grace: 1 } as object })).toThrow("grace");
  });
});

describe("fromEnv", () => {
  const variables = { CYCLES_BASE_URL: "https://cycles.example", CYCLES_API_KEY: "cyc_test_key" };

  it("reads every variable, trimmed, and ignores blank ones", () => {
    const all = {
      ...variables,
      CYCLES_BASE_URL: " https://cycles.example/ ",
      CYCLES_TENANT: "acme",
      CYCLES_WORKSPACE: "prod",
      CYCLES_APP: "",
      CYCLES_AGENT: "summarizer",
      CYCLES_TIMEOUT_MS: "2500",
      CYCLES_READ_ATTEMPTS: "5",
      CYCLES_ALLOW_INSECURE_HTTP: "false",
    };
    const { options } = CyclesClient.fromEnv({}, all).connection;
    expect(options).toMatchObject({
      baseUrl: "https://cycles.example",
      subject: { tenant: "acme", workspace: "prod", agent: "summarizer" },
      timeoutMs: 2_500,
      readAttempts: 5,
    });
    expect(options.subject).not.toHaveProperty("app");
  });

  it("reads process.env by itself, and works where there is none", () => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(fromEnv()).toMatchObject({ baseUrl: "https://cycles.example" });
    vi.stubGlobal("process", undefined);
    expect(() => fromEnv()).toThrow("CYCLES_BASE_URL is not set");
    expect(fromEnv(good)).toMatchObject(good);
  });

  it("is overridden by what is passed", () => {
    const options = fromEnv(
      { baseUrl: "https://other.example", timeoutMs: 7 },
      { ...variables, CYCLES_TIMEOUT_MS: "9" },
    );
    expect(options).toMatchObject({ baseUrl: "https://other.example", timeoutMs: 7 });
    expect(fromEnv({ timeoutMs: undefined }, { ...variables, CYCLES_TIMEOUT_MS: "9" }).timeoutMs).toBe(9);
    expect(Object.isFrozen(options)).toBe(true);
  });

  it.each([
    ["CYCLES_BASE_URL", ""],
    ["CYCLES_BASE_URL", "nonsense"],
    ["CYCLES_BASE_URL", "http://cycles.example"],
    ["CYCLES_API_KEY", " "],
    ["CYCLES_API_KEY", "a\nb"],
    ["CYCLES_TIMEOUT_MS", "abc"],
    ["CYCLES_TIMEOUT_MS", "5s"],
    ["CYCLES_TIMEOUT_MS", "-5"],
    ["CYCLES_TIMEOUT_MS", "0"],
    ["CYCLES_TIMEOUT_MS", "1e3"],
    ["CYCLES_TIMEOUT_MS", "NaN"],
    ["CYCLES_READ_ATTEMPTS", "100"],
    ["CYCLES_ALLOW_INSECURE_HTTP", "yes"],
    ["CYCLES_TENANT", "a/b"],
    ["CYCLES_AGENT", "x".repeat(129)],
  ])("%s=%j is refused by its name", (name, value) => {
    const failing = (): unknown => fromEnv({}, { ...variables, [name]: value });
    expect(failing).toThrow(ConfigurationError);
    expect(failing).toThrow(name);
  });
});
