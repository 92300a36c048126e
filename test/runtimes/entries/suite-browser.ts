// A page: the verdict goes back to the server that served it.
import { runSuite } from "../suite.ts";

await fetch("/verdict", { method: "POST", body: JSON.stringify(await runSuite(world)) });
