// A page: the verdict goes back to the server that served it.
import { runArcpSession } from "../arcp-session.ts";

await fetch("/verdict", { method: "POST", body: JSON.stringify(await runArcpSession(arcpUrl)) });
