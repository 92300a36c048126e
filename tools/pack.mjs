// `npm run pack`: writes the tarball of every package into tarballs/, for `npm i` in a project of your own.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { packAll } from "../test/package/support/pack.ts";
import { workspacePackages } from "./packages.ts";

const into = join(resolve(import.meta.dirname, ".."), "tarballs");
for (const command of [["install", "--frozen-lockfile"], ["build"]]) {
  const { status } = spawnSync("pnpm", command, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
rmSync(into, { recursive: true, force: true });
for (const file of (await packAll(workspacePackages(), into)).values()) console.log(file);
