#!/usr/bin/env node
import { run, systemTerminal } from "@imprest/cli";

process.exitCode = await run(process.argv.slice(2), systemTerminal());
