import { fork } from "node:child_process";
import { once } from "node:events";
import { fileRecordStore, logRecordStore } from "@imprest/core/node";
import { expect, it, vi } from "vitest";
import { contentOf } from "../../packages/core/test/records/record-store-contract.ts";
import { temporaryDirectory } from "../../packages/core/test/node/temporary-directory.ts";

it.each(["log", "file"])(
  "loses nothing that was promised when the writer is killed at full speed, 20 times in a row: %s store",
  async (kind) => {
    const dir = await temporaryDirectory();
    for (let round = 0; round < 20; round += 1) {
      const open = () => (kind === "log" ? logRecordStore({ dir, onQuarantine: () => {} }) : fileRecordStore({ dir }));
      const child = fork(new URL("record-writer.ts", import.meta.url), [kind, dir], {
        execArgv: ["--conditions=@imprest/source"],
      });
      const promised = new Set<string>();
      const deleting = new Set<string>();
      const deleted = new Set<string>();
      child.on("message", (message: string) => {
        const [what, key = ""] = message.split(" ");
        (what === "put" ? promised : what === "deleting" ? deleting : deleted).add(key);
      });
      await vi.waitFor(() => expect(promised.size).toBeGreaterThan(100 + round * 7), {
        timeout: 15_000,
        interval: 1,
      });
      child.kill("SIGKILL");
      await once(child, "close");
      const store = open();
      const found = await contentOf(store);
      const lost = [...promised].filter((key) => !deleting.has(key) && !found.has(key));
      const risen = [...deleted].filter((key) => found.has(key));
      expect({ lost, risen }).toEqual({ lost: [], risen: [] });
      for (const [key, value] of found) expect(value).toMatchObject({ at: Number(key.split(":")[1]) });
      await Promise.all([...found.keys()].map((key) => store.delete(key)));
      await store.close?.();
    }
  },
  120_000,
);
