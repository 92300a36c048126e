import { expect, it, vi } from "vitest";
import { Observer, silentLogger } from "@imprest/core";

it("the silent logger takes every level and writes nothing", () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const complained = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const observer = new Observer(silentLogger);
  observer.on("extend", () => {
    throw new Error("a careless listener");
  });
  observer.emit("extend", { protocol: "p", reservationId: "r", lease: { ttlMs: 1 } });
  for (const level of ["debug", "info", "warn", "error"] as const) silentLogger[level]("told", { detail: 1 });
  const calls = [...written.mock.calls, ...complained.mock.calls];
  vi.restoreAllMocks();
  expect(calls).toEqual([]);
});
