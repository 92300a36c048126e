/** A coding agent, and what it needs beside the variables of its environment. */
export interface Recipe {
  /** The program's name on a command line. */
  readonly program: string;
  /** The package and the version that the row is of. */
  readonly source: string;
  /** `run`: the program was run under `imprest run` against a stand-in provider, and a budget stopped it. */
  readonly basis: "run" | "from its documentation";
  /** What stands behind `--`. `sh` puts in what `imprest run` has set. */
  readonly command: string;
  /** A file of settings that is written once: its path and its text. */
  readonly settings?: readonly [path: string, text: string];
  /** Why the program does not find the gateway otherwise; absent where it does. */
  readonly because?: string;
}

const codexProvider = [
  "model_provider=imprest",
  "model_providers.imprest.name=imprest",
  "model_providers.imprest.env_key=OPENAI_API_KEY",
  "model_providers.imprest.base_url=$OPENAI_BASE_URL",
  "web_search=disabled",
].map((setting) => `-c ${setting}`);

/** JSON is YAML. */
const continueModels =
  '{"name": "run", "version": "1.0.0", "schema": "v1", "models": [{"name": "gpt-5", "provider": "openai", "model": "gpt-5", ' +
  '"apiKey": "${{ secrets.OPENAI_API_KEY }}", "apiBase": "${{ secrets.OPENAI_BASE_URL }}", "roles": ["chat"]}]}';

/** Agents by their programs; docs/run.md has the table. */
export const recipes: readonly Recipe[] = [
  { program: "claude", source: "@anthropic-ai/claude-code 2.1.332 (npm)", basis: "run", command: "claude" },
  {
    program: "codex",
    source: "@openai/codex 0.171.0 (npm)",
    basis: "run",
    command: `sh -c 'codex ${codexProvider.join(" ")}'`,
    because: "it reads no base address from its environment, and nothing bounds what a search at the provider costs",
  },
  {
    program: "gemini",
    source: "@google/gemini-cli 0.61.0 (npm)",
    basis: "run",
    command: "gemini",
    settings: [".gemini/settings.json", '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'],
    because: "a base address has it log in without a key",
  },
  { program: "opencode", source: "opencode-ai 1.18.33 (npm)", basis: "run", command: "opencode" },
  { program: "aider", source: "aider-chat 0.86.2 (PyPI)", basis: "run", command: "aider --model openai/gpt-5" },
  { program: "mini", source: "mini-swe-agent 2.4.6 (PyPI)", basis: "run", command: "mini -m openai/gpt-5" },
  {
    program: "qwen",
    source: "@qwen-code/qwen-code 0.24.4 (npm)",
    basis: "run",
    command: "qwen --auth-type openai -m gpt-5",
  },
  {
    program: "cline",
    source: "cline 3.0.65 (npm)",
    basis: "run",
    command:
      "sh -c 'cline auth openai -k $OPENAI_API_KEY -b $OPENAI_BASE_URL -m gpt-5 --data-dir ~/.cline-run && cline --data-dir ~/.cline-run -P openai -m gpt-5'",
    because: "it reads its provider from its own folder",
  },
  {
    program: "cn",
    source: "@continuedev/cli 1.5.47 (npm)",
    basis: "run",
    command: "cn --config run.yaml",
    settings: ["run.yaml", continueModels],
    because: "it reads its models from a file",
  },
  {
    program: "crush",
    source: "@charmland/crush 0.96.1 (npm)",
    basis: "from its documentation",
    command: "crush",
    settings: [".crush.json", '{"providers": {"openai": {"base_url": "$OPENAI_BASE_URL"}}}'],
    because: "it reads base addresses from a file",
  },
  {
    program: "goose",
    source: "goose",
    basis: "from its documentation",
    command: "sh -c 'OPENAI_HOST=${OPENAI_BASE_URL%/v1} ANTHROPIC_HOST=$ANTHROPIC_BASE_URL goose session'",
    because: "its variables have other names",
  },
];

/** What a program that would not find the gateway needs, as a line for its user; `undefined` where it finds it. */
export function adviceFor([program = ""]: readonly string[]): string | undefined {
  const name = program
    .split(/[/\\]/)
    .at(-1)
    ?.replace(/\.(?:exe|cmd)$/i, "");
  const recipe = recipes.find((one) => one.program === name && one.because !== undefined);
  if (recipe === undefined) return undefined;
  const { because, command, settings } = recipe;
  const file = settings === undefined ? "" : ` with this in ${settings[0]}: ${settings[1]}`;
  return `these variables alone do not lead ${name} to the gateway: ${because}. This does: ${command}${file}`;
}
