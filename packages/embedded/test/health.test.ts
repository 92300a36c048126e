import { describe, expect, it } from "vitest";
import { createEmbeddedAuthority } from "../src/index.ts";
import { MapStore } from "./support.ts";

const paths = ["/health", "/actuator/health", "/actuator/health/readiness", "/actuator/health/liveness"];

describe("the health of an authority", () => {
  it.each(paths)("is answered at %s to anyone, whatever else is limited", async (path) => {
    const authority = createEmbeddedAuthority({ rateLimit: { perSecond: 0.001, burst: 1 } });
    const ask = (): Promise<Response> => authority.handler(new Request(`http://authority.test${path}`));
    await ask();
    const answer = await ask();
    expect([answer.status, await answer.json()]).toEqual([200, { status: "UP" }]);
    expect((await authority.handler(new Request(`http://authority.test${path}`, { method: "POST" }))).status).not.toBe(
      200,
    );
  });

  it("is DOWN once the store has failed, and once it is closed", async () => {
    const store = new MapStore();
    const authority = createEmbeddedAuthority({ store });
    const ask = async (): Promise<number> =>
      (await authority.handler(new Request("http://authority.test/health"))).status;
    expect(await ask()).toBe(200);
    store.failing = true;
    await expect(authority.tenants.create("acme")).rejects.toThrow("store failed");
    expect(await ask()).toBe(503);
    const closed = createEmbeddedAuthority();
    await closed.close();
    expect((await closed.handler(new Request("http://authority.test/health"))).status).toBe(503);
  });
});
