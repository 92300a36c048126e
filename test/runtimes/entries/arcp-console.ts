// Node, Deno, Bun: the verdict is printed.
import { runArcpSession } from "../arcp-session.ts";

console.log(JSON.stringify(await runArcpSession(arcpUrl)));
