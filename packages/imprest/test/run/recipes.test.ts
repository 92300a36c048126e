import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { adviceFor, recipes } from "../../src/run/recipes.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../../docs/run.md"), "utf8");

describe("the recipes of coding agents", () => {
  it("are the table of docs/run.md, row for row", () => {
    const [, section = ""] = page.split("<!-- recipes of packages/imprest/src/run/recipes.ts -->\n");
    const table = section.split("\n").filter((line) => line.startsWith("| `"));
    const cells = table.map((line) => line.split(" | ").map((cell) => cell.replaceAll(/^\| | \|$/g, "").trim()));
    const rows = recipes.map(({ program, source, command, settings, basis }) => {
      const file = settings === undefined ? "" : `; once \`${settings[0]}\`: \`${settings[1]}\``;
      return [`\`${program}\``, source, `\`${command}\`${file}`, basis];
    });
    expect(cells).toEqual(rows);
  });

  it("are given to who starts an agent that would not find the gateway, wherever the agent is installed", () => {
    expect(adviceFor(["/usr/local/bin/codex", "exec", "Fix it."])).toContain("base_url=$OPENAI_BASE_URL");
    expect(adviceFor(["C:\\agents\\codex.exe"])).toBe(adviceFor(["codex"]));
    expect(adviceFor(["gemini"])).toContain('.gemini/settings.json: {"security"');
  });

  it.each([["claude"], ["python3"], ["sh"], ["mini"]])("have nothing to say of %s", (program) => {
    expect(adviceFor([program, "codex"])).toBeUndefined();
  });
});
