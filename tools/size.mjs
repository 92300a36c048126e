// `pnpm size` (after `pnpm build`): writes what size-limit measures to `docs/sizes.md`.
// `--check` writes nothing and fails where a bundle is not what the table has of it, be it heavier, lighter, new or gone.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { committedSizes, tolerance, writeSizes } from "./size-table.mjs";

const root = resolve(import.meta.dirname, "..");
const { stdout } = spawnSync(process.execPath, [join(root, "node_modules/size-limit/bin.js"), "--json"], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
const measured = JSON.parse(stdout);
if (measured.error !== undefined) throw new Error(`size-limit, on what pnpm build makes: ${measured.error}`);
const sizes = new Map(measured.map(({ name, size }) => [name, size]));

if (process.argv.includes("--check")) {
  const committed = committedSizes();
  const differing = [...new Set([...committed.keys(), ...sizes.keys()])].filter((name) => {
    const [was, is] = [committed.get(name), sizes.get(name)];
    return was === undefined || is === undefined || Math.abs(is - was) > tolerance(was);
  });
  for (const name of differing)
    console.error(
      `${name}: ${committed.get(name) ?? "no"} bytes in docs/sizes.md, ${sizes.get(name) ?? "none"} measured`,
    );
  if (differing.length > 0) {
    console.error("If the change of size is meant: pnpm build && pnpm size, and commit the difference.");
    process.exit(1);
  }
} else {
  writeSizes(sizes);
}
