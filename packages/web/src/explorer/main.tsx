import { render } from "preact";
import { messageOf } from "../shared/message.ts";
import { restoreTheme } from "../shared/theme.tsx";
import "./explorer.css";
import { readServed } from "./served.ts";
import { ExplorerStore } from "./store.ts";
import { Explorer } from "./view/explorer.tsx";

const store = new ExplorerStore();
restoreTheme();
render(<Explorer store={store} />, document.querySelector("#app") ?? document.body);
readServed().then(
  (served) => served && store.run(served),
  (error: unknown) => (store.complaint.value = messageOf(error)),
);
