import { expect, it } from "vitest";
import { Secret } from "@imprest/core/internal";

const key = "cyc/live+0123=";
const secret = new Secret(key);

it("redacts itself out of texts, arrays, members and their names, and leaves everything else", () => {
  const said = {
    [`a ${key}`]: [`x${key}${key}`, 5, 7n, null, true, { deep: encodeURIComponent(key) }],
  };
  expect(secret.redact(said)).toEqual({
    "a [redacted]": ["x[redacted][redacted]", 5, 7n, null, true, { deep: "[redacted]" }],
  });
  expect(secret.redact("nothing of it")).toBe("nothing of it");
});

it("may stand in a JSON text that holds it or any escape", () => {
  expect(secret.mayStandIn(`{"k":"${key}"}`)).toBe(true);
  expect(secret.mayStandIn('{"k":"cyc\\/live"}')).toBe(true);
  expect(secret.mayStandIn('{"k":"v"}')).toBe(false);
});

it.each(["base64", "base64url"] as const)("a credential written in %s is cut out too", (encoding) => {
  const written = Buffer.from("s3cret?>key~~").toString(encoding).replace(/=+$/, "");
  expect(new Secret("s3cret?>key~~").redact({ echo: [`Basic ${written}`] })).toEqual({ echo: ["Basic [redacted]"] });
});
