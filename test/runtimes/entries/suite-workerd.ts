// A Worker, run by `workerd test`: the verdict goes to the log.
import { runSuite } from "../suite.ts";

// oxlint-disable-next-line import/no-default-export -- workerd asks for one
export default {
  async test(): Promise<void> {
    console.log(JSON.stringify(await runSuite(world)));
  },
};
