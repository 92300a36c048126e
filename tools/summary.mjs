// Adds up the summaries that tools/test.mjs wrote: prints the minutes of each lane, and the one closing line of CI.
import { readFileSync } from "node:fs";

const lanes = [];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  try {
    const part = JSON.parse(readFileSync(file, "utf8"));
    for (const key of Object.keys(total)) total[key] += part[key];
    lanes.push(...part.lanes);
  } catch (error) {
    console.error(`no summary in ${file}: ${error.message}`);
    total.failed += 1;
  }
}
const minutes = (seconds) => (seconds / 60).toFixed(1).padStart(6);
console.log("minutes by lane");
for (const { name, seconds } of lanes) console.log(`${minutes(seconds)}  ${name}`);
console.log(`${minutes(lanes.reduce((sum, { seconds }) => sum + seconds, 0))}  in all`);
const skipped = total.skipped ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed === 0 ? 0 : 1);
