import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { ConfigurationError, ConnectionError, systemClock } from "@imprest/core";
import { send } from "@imprest/core/internal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mayReach, parseRange } from "../../src/governance/address.ts";
import { checkedTransport } from "../../src/node/index.ts";
import { createEmbeddedAuthority } from "../../src/index.ts";
import { adminKey, secret } from "./support.ts";

const hook = { id: "h", tenant: "acme", secret, eventCategories: ["budget"] };

async function add(url: string, tenant: string | undefined = "acme", allowAddresses: string[] = []): Promise<void> {
  const governance = { adminKeys: [adminKey], allowInsecureHttp: true, allowAddresses };
  await using authority = createEmbeddedAuthority({ governance });
  await authority.webhooks.add({ ...hook, tenant, url });
}

describe("the webhook of a tenant", () => {
  it.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://localhost/",
    "http://a.localhost./",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:a00:1::]/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.31.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
  ])("does not go to %s", async (url) => {
    await expect(add(url)).rejects.toThrow("an address that is not public");
  });

  it("goes to public addresses and names, and to ranges that an operator allows; the operator's own goes anywhere", async () => {
    for (const url of [
      "https://93.184.215.14/",
      "https://[2606:2800:21f::1]/",
      "https://ops.example.com/",
      "http://172.32.0.1/",
    ]) {
      await add(url);
    }
    await add("http://10.1.2.3/", "acme", ["10.1.0.0/16"]);
    await add("http://[::ffff:10.1.2.3]/", "acme", ["10.1.0.0/16"]);
    await add("http://localhost/", "acme", ["127.0.0.0/8"]);
    await expect(add("http://10.2.2.3/", "acme", ["10.1.0.0/16"])).rejects.toThrow(ConfigurationError);
    const governance = { adminKeys: [adminKey] };
    await using authority = createEmbeddedAuthority({ governance });
    const { tenant: _none, ...own } = hook;
    await authority.webhooks.add({ ...own, url: "http://127.0.0.1/" });
  });

  it.each(["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", ""])("a range that is none is refused (%s)", (text) => {
    expect(parseRange(text)).toBeUndefined();
    const governance = { adminKeys: [adminKey], allowAddresses: [text] };
    expect(() => createEmbeddedAuthority({ governance })).toThrow(ConfigurationError);
    expect(() => checkedTransport({ allowAddresses: [text] })).toThrow(ConfigurationError);
  });

  it("is judged alike by every way to write an IPv4 address in IPv6", () => {
    fc.assert(
      fc.property(fc.ipV4(), (four) => {
        const [a = 0, b = 0, c = 0, d = 0] = four.split(".").map(Number);
        const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
        const wanted = mayReach(four, []);
        for (const six of [
          `::ffff:${four}`,
          `::ffff:${hex}`,
          `0:0:0:0:0:ffff:${hex}`,
          `64:ff9b::${hex}`,
          `2002:${hex}::1`,
        ]) {
          expect([six, mayReach(six, [])]).toEqual([six, wanted]);
        }
      }),
    );
  });
});

describe("checkedTransport", () => {
  it("connects to no private address that a name has, and to the one it checked", async () => {
    let received = 0;
    const server = createServer((request, response) => {
      received += 1;
      request.resume().on("end", () => response.writeHead(204).end());
    });
    server.listen(0, "localhost");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const request = { method: "POST", url: `http://localhost:${port}/`, headers: {}, body: "{}" } as const;
    const limits = { signal: undefined, timeoutMs: 2_000, clock: systemClock, maxResponseBytes: 1_000 };
    await expect(send(checkedTransport(), request, limits)).rejects.toThrow(ConnectionError);
    const literal = { ...request, url: `http://127.0.0.1:${port}/` };
    await expect(send(checkedTransport(), literal, limits)).rejects.toThrow(ConnectionError);
    expect(received).toBe(0);
    const allowed = checkedTransport({ allowAddresses: ["127.0.0.0/8", "::1/128"] });
    expect((await send(allowed, request, limits)).status).toBe(204);
    expect(received).toBe(1);
    server.close();
  });
});
