import { readFileSync } from "node:fs";
import { base64url, utf8 } from "@imprest/core/internal";
import { AP2MandateError } from "@imprest/ap2";
import { parseChain } from "../../../packages/ap2/src/sd-jwt.ts";
import { type Target, refusing } from "../target.ts";

const part = (value: unknown): string => base64url(utf8(JSON.stringify(value)));
const made = `${part({ alg: "ES256", typ: "dc+sd-jwt" })}.${part({ vct: "mandate.payment", amount: 5 })}.${"A".repeat(86)}~`;

function published(): string[] {
  try {
    const file = new URL("../../../../shared/conformance/ap2/ap2-signed-tokens.json", import.meta.url);
    const { tokens } = JSON.parse(readFileSync(file, "utf8")) as { readonly tokens: Readonly<Record<string, string>> };
    return Object.values(tokens);
  } catch {
    // A lone clone has no published tokens beside it; the made one is mutated alone.
    return [];
  }
}

/** A chain is read whole, or refused with a typed error. */
export const sdJwt: Target = {
  name: "sd-jwt",
  corpus: [made, `${made}~${made}`, `${made}${part(["salt", "name", 1])}~`, ...published()],
  start: () => (input) =>
    refusing(
      () => {
        for (const { header, mandate, signature } of parseChain(input)) {
          if (typeof header !== "object" || typeof mandate !== "object" || !(signature instanceof Uint8Array)) {
            throw new Error("a hop was read that is none");
          }
        }
      },
      (error) => AP2MandateError.isInstance(error),
    ),
};
