// Node, Deno and Bun: the verdict goes to the standard output.
import { runSuite } from "../suite.ts";

console.log(JSON.stringify(await runSuite(world)));
