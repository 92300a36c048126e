// Builds the package in the working folder: one JavaScript file and one declaration for each source file. Nothing is
// bundled here, because a bundler drops what a user does not use by whole files (`sideEffects: false`); in chunks, schemas
// that a client never calls came along with the names beside them.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { resolve } from "node:path";

const compiler = resolve(import.meta.dirname, "../node_modules/typescript7/bin/tsc");

rmSync("dist", { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { stdio: "inherit" });
process.exit(status ?? 1);
