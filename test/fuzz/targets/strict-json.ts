import { StrictJsonError, canonicalize, parseStrictJson } from "@imprest/core/audit";
import { type Target, refusing } from "../target.ts";

/** What the strict parser takes, JSON.parse takes too and canonicalises to the same text; all else is a typed refusal. */
export const strictJson: Target = {
  name: "strict-json",
  corpus: [
    '{"id":"e1","data":{"kid":"k1","amount":"12","n":-1.5e-3,"list":[1,2,{"deep":[true,false,null]}]},"time":"2026-01-01T00:00:00Z"}',
    '{"":"","a\\u0041\\n\\"":[],"\\ud83d\\ude00":{},"z":9007199254740991}',
    '[0,-0.5,1e21,123456789012345,"\\u20ac",{"b":1,"a":{"__proto__":1}}]',
    '  "text with é and 𐏿"  ',
  ],
  start: () => (input) =>
    refusing(
      () => {
        const value = parseStrictJson(input);
        const text = canonicalize(value);
        if (canonicalize(parseStrictJson(text)) !== text) throw new Error("canonical text is not canonical");
        if (JSON.stringify(JSON.parse(input)) !== JSON.stringify(value) && !input.includes("__proto__")) {
          throw new Error("read otherwise than by JSON.parse");
        }
      },
      (error) => StrictJsonError.isInstance(error),
    ),
};
