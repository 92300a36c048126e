import fc from "fast-check";
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

it("hands out what holds nothing of it uncopied", () => {
  const said = { id: "req_1", list: [{ deep: "cyc/live" }], absent: undefined };
  expect(secret.redact(said)).toBe(said);
});

it("no writing of it is left in anything that JSON can hold", () => {
  const text = fc.oneof(fc.string(), fc.constantFrom(key, `"${key}`, encodeURIComponent(key), "Y3ljL2xpdmUrMDEyMz0"));
  fc.assert(
    fc.property(
      fc.letrec((tie) => ({
        value: fc.oneof(
          { depthSize: "small" },
          text,
          fc.integer(),
          fc.array(tie("value")),
          fc.dictionary(text, tie("value")),
        ),
      })).value,
      (value) => {
        const left = JSON.stringify(secret.redact({ value }));
        expect([key, encodeURIComponent(key), "Y3ljL2xpdmUrMDEyMz0"].some((writing) => left.includes(writing))).toBe(
          false,
        );
      },
    ),
  );
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
