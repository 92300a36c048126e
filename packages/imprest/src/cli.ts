export { run } from "./cli/run.ts";
export { type Terminal, systemTerminal } from "./cli/terminal.ts";
