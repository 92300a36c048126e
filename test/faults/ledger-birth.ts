import { join } from "node:path";
import { sqliteStore } from "@imprest/embedded/node";

// Makes one new ledger after another, until it is killed.

const [, , folder = ""] = process.argv;
process.stdout.write("begun\n");
for (let number = 0; ; number += 1) sqliteStore({ file: join(folder, `${number}.sqlite`) }).close();
