// Adds up the summaries that tools/test.mjs wrote and prints the one closing line of CI.
import { readFileSync } from "node:fs";

const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  try {
    const part = JSON.parse(readFileSync(file, "utf8"));
    for (const key of Object.keys(total)) total[key] += part[key];
  } catch (error) {
    console.error(`no summary in ${file}: ${error.message}`);
    total.failed += 1;
  }
}
const skipped = total.skipped ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed === 0 ? 0 : 1);
