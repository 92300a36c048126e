import { existsSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  auditSuffixes,
  commitRequest,
  queryBudgetResponse,
  reserveRequest,
  reserveResponse,
} from "@imprest/core/models/asp";
import { type Shape, writeWire } from "@imprest/core/internal";
import { asp } from "@imprest/core/zod";
import { openHouse } from "./embedded/support.ts";
import { line, reserveData } from "./audit/support.ts";

const file = (name: string): URL => new URL(`../schemas/${name}.json`, import.meta.url);
const schema = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(file(name), "utf8")) as Record<string, unknown>;

/** The envelope, and for each suffix the data that the models require. */
function auditEventSchema(): object {
  const definitions = auditSuffixes.map((suffix) => {
    const { $schema: _, ...data } = z.toJSONSchema(asp.auditDataBySuffix[suffix]);
    return [suffix, data] as const;
  });
  const text = { type: "string", minLength: 1 };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title:
      "A signed ASP audit event: a CloudEvent 1.0 in JSON (ASP §5). A schema checks its shape, never its signature.",
    type: "object",
    properties: {
      specversion: { const: "1.0" },
      id: text,
      source: text,
      type: { type: "string", pattern: `^[a-z0-9-]+(\\.[a-z0-9-]+)*\\.audit\\.(${auditSuffixes.join("|")})$` },
      datacontenttype: { type: "string", pattern: "^application/([\\w.-]+\\+)?json$" },
      time: text,
      data: { type: "object" },
      aspsignature: { type: "string", pattern: "^[A-Za-z0-9_-]{86}$" },
    },
    required: ["specversion", "id", "source", "type", "datacontenttype", "time", "data"],
    not: { required: ["data_base64"] },
    allOf: definitions.map(([suffix]) => ({
      anyOf: [
        { properties: { type: { not: { pattern: `\\.audit\\.${suffix}$` } } } },
        { properties: { data: { $ref: `#/$defs/${suffix}` } } },
      ],
    })),
    $defs: Object.fromEntries(definitions),
  };
}

describe("the schemas that ship", () => {
  it("audit-event.json is the models' own", () => {
    const written = `${JSON.stringify(auditEventSchema(), undefined, 2)}\n`;
    expect(schema("audit-event")).toEqual(JSON.parse(written));
  });

  it("audit-event.json takes signed events, and refuses ones without what their suffix requires", async () => {
    const validate = new Ajv2020({ strict: false }).compile(schema("audit-event"));
    const good = JSON.parse(await line("reserve", 1, reserveData())) as { data: Record<string, unknown>; type: string };
    expect(validate(good)).toBe(true);
    for (const name of ["kid", "decision_id", "unit", "amount_atomic_reserved", "decision"]) {
      expect(validate({ ...good, data: { ...good.data, [name]: undefined } }), name).toBe(false);
    }
    expect(validate({ ...good, type: "org.agentspend.audit.settle" })).toBe(false);
    expect(validate({ ...good, type: "org.agentspend.audit.commit" })).toBe(false);
    expect(validate({ ...good, data_base64: "e30=" })).toBe(false);
    expect(validate({ ...good, data: { ...good.data, amount_atomic_reserved: 5 } })).toBe(false);
    const vectors = new URL("../../../../shared/conformance/asp/signed-events.json", import.meta.url);
    if (!existsSync(vectors)) return;
    const { valid } = JSON.parse(readFileSync(vectors, "utf8")) as { valid: { name: string; event: unknown }[] };
    for (const { name, event } of valid) expect(validate(event), name).toBe(true);
  });

  it("messages.json takes what the models write, and refuses what they refuse", () => {
    const ajv = new Ajv2020({ strict: false }).addSchema(schema("messages"), "messages");
    const fits = (name: string, value: unknown): boolean => ajv.validate(`messages#/$defs/${name}`, value);
    const claim = { budgetId: "b", unit: "u", amountAtomic: 5n, direction: "DEBIT" };
    const samples: [string, Shape<unknown>, object][] = [
      ["ReserveRequest", reserveRequest, { claim, identity: { a: 1 }, idempotencyKey: "k" }],
      [
        "ReserveResponse",
        reserveResponse,
        {
          decision: "ALLOW_WITH_CAPS",
          reservationId: "r",
          ttlExpiresAt: "2026-06-01T12:00:00.5Z",
          caps: [{ type: "max_tokens", params: { value: 1 } }],
          auditEventSignature: new Uint8Array(64),
        },
      ],
      [
        "CommitRequest",
        commitRequest,
        { reservationId: "r", amountAtomicObserved: 0n, idempotencyKey: "k", requestBodyHash: new Uint8Array(32) },
      ],
      ["QueryBudgetResponse", queryBudgetResponse, { availableAtomic: 0n }],
    ];
    for (const [name, codec, value] of samples) expect(fits(name, writeWire(codec, value, name)), name).toBe(true);
    expect(fits("BudgetClaim", { budgetId: "b", unit: "u", amountAtomic: 5 })).toBe(false);
    expect(fits("BudgetClaim", { budgetId: "b", unit: "u", amountAtomic: "05" })).toBe(false);
    expect(fits("CommitRequest", { reservationId: "r", idempotencyKey: "k" })).toBe(false);
  });

  it("authority-metadata.json takes what the embedded authority publishes", async () => {
    const validate = new Ajv2020({ strict: false }).compile(schema("authority-metadata"));
    const house = await openHouse();
    expect(validate(await house.client().getMetadata())).toBe(true);
    expect(validate({ grace_window_ms: "soon" })).toBe(false);
  });
});
