import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { workspacePackages } from "../../tools/packages.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

// A release, rehearsed in a clone: what is committed is what would be published.

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "imprest-release-"));
const clone = join(folder, "clone");

/**
 * What `pnpm run release` runs, without the install that `pnpm run` may start: the clone borrows our `node_modules`, which
 * that would link to its own packages. What a CI would identify itself by is not passed on.
 */
async function release(more: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { scripts } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8")) as {
    readonly scripts: { readonly release: string };
  };
  const [program = "", ...words] = scripts.release.split(" ");
  const identity = /^(?:CI$|CI_|GITHUB_|GITLAB_|ACTIONS_|SIGSTORE_|NPM_ID_TOKEN)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !identity.test(name)));
  return run(program, [...words, "--no-git-checks", ...more], { cwd: clone, env });
}

beforeAll(async () => {
  await run("git", ["clone", "--quiet", root, clone]);
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("changesets give all packages one version, and each would be published after what it depends on", async () => {
  // There is none right after a release, and then there is nothing to raise.
  writeFileSync(join(clone, ".changeset/rehearsal.md"), '---\n"@imprest/core": patch\n---\n\nA rehearsal.\n');
  await run(process.execPath, [join(root, "node_modules/@changesets/cli/bin.js"), "version"], { cwd: clone });
  expect(readdirSync(join(clone, ".changeset")).filter((file) => file.endsWith(".md") && file !== "README.md")).toEqual(
    [],
  );
  const manifests = workspacePackages(clone).map(({ manifest }) => manifest);
  expect(new Set(manifests.map(({ version }) => version)).size).toBe(1);
  const { stdout, stderr } = await release(["--dry-run"]);
  const order = Array.from(
    `${stdout}${stderr}`.matchAll(/((?:@imprest\/[\w-]+)|\bimprest)@\d[^ ]* →/g),
    ([, name = ""]) => name,
  );
  expect(order.toSorted()).toEqual(manifests.map(({ name }) => name).toSorted());
  for (const { name, dependencies = {} } of manifests) {
    for (const dependency of Object.keys(dependencies).filter((candidate) => candidate.startsWith("@imprest/"))) {
      expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name));
    }
  }
});

it("nothing is published from a machine that cannot say where it was built", async () => {
  const requests: string[] = [];
  const registry = createServer((request, response) => {
    requests.push(request.method ?? "");
    response.writeHead(request.method === "PUT" ? 201 : 404, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(registry, "listening");
  const { port } = registry.address() as AddressInfo;
  writeFileSync(join(clone, ".npmrc"), `//127.0.0.1:${port}/:_authToken=none\n`);
  const refusal = await release(["--registry", `http://127.0.0.1:${port}/`]).then(
    () => "published",
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => `${stdout}${stderr}`,
  );
  registry.close();
  expect(refusal).toContain("ERR_PNPM_PROVENANCE");
  expect(requests).toContain("GET");
  expect(requests).not.toContain("PUT");
});
