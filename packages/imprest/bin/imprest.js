#!/usr/bin/env node
import { run, systemTerminal } from "imprest/cli";

const code = await run(process.argv.slice(2), systemTerminal());
// Standard output that broke has set it already.
process.exitCode ??= code;
