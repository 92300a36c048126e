import * as core from "@imprest/core";
import { Secret } from "@imprest/core/internal";
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";

const {
  AbortedError,
  ConnectionError,
  DeniedError,
  ImprestError,
  ProtocolError,
  SettlementError,
  SpendUnknownError,
  TransportError,
  ValidationError,
} = core;

describe("the error family", () => {
  it("recognises its own across two copies of the package, by class", async () => {
    vi.resetModules();
    const copy = await import("@imprest/core");
    expect(copy.ConnectionError).not.toBe(ConnectionError);
    const error = new copy.ConnectionError("no");
    expect(error instanceof ConnectionError).toBe(false);
    for (const Class of [ImprestError, TransportError, ConnectionError]) expect(Class.isInstance(error)).toBe(true);
    for (const Class of [AbortedError, ProtocolError]) expect(Class.isInstance(error)).toBe(false);
    for (const other of [null, undefined, "x", {}, new Error("x")]) expect(ImprestError.isInstance(other)).toBe(false);
  });

  it("gives every exported class its own brand, name and an ERR_ code", () => {
    const classes = Object.entries(core).filter(
      ([name]) => name.endsWith("Error") && name !== "ImprestError" && name !== "abortedError",
    );
    expect(classes.length).toBeGreaterThan(12);
    for (const [name, Class] of classes) expect((Class as typeof ImprestError).brand).toBe(name);
    expect(new DeniedError("no")).toMatchObject({ name: "DeniedError", code: "ERR_DENIED" });
  });

  it("serialises without values, grants or causes' insides", () => {
    const grant = {
      id: "rsv_1",
      decision: "ALLOW" as const,
      reserved: core.usd(1),
      caps: [],
      request: { estimate: core.usd(1), action: { kind: "x" } },
      wire: { secret: "s3cret" },
    };
    const cause = Object.assign(new Error("low level"), { code: "ECONNRESET", config: { key: "s3cret" } });
    const errors = [
      new SpendUnknownError("unknown", grant, "s3cret"),
      new SettlementError("refused", { spendHappened: true, reservationId: "rsv_1", value: "s3cret" }, { cause }),
      new ConnectionError("reset", { cause, request: { method: "GET", target: "https://host/path" } }),
    ];
    for (const error of errors) expect(JSON.stringify(error)).not.toContain("s3cret");
    expect(inspect(errors[0])).not.toContain("s3cret");
    expect(JSON.parse(JSON.stringify(errors[2]))).toEqual({
      name: "ConnectionError",
      code: "ERR_CONNECTION",
      message: "reset",
      request: { method: "GET", target: "https://host/path" },
      cause: { name: "Error", code: "ECONNRESET", message: "low level" },
    });
  });

  it("lists at most five validation issues and counts the rest", () => {
    const issues = Array.from({ length: 7 }, (_, at) => ({ pointer: `/${at}`, message: "bad" }));
    expect(new ValidationError("request", issues).message).toContain("and 2 more");
  });
});

describe("Secret", () => {
  it("shows itself nowhere", () => {
    const secret = new Secret("s3cret");
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      String(Object.values(secret)),
    ];
    for (const text of shown) expect(text).not.toContain("s3cret");
    expect(secret.reveal()).toBe("s3cret");
  });
});
