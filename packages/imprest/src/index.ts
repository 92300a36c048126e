export { run } from "./run.ts";
export { type Terminal, systemTerminal } from "./terminal.ts";
