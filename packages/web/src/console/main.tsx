import { render } from "preact";
import { restoreTheme } from "../shared/theme.tsx";
import { Console } from "./console.tsx";
import "./console.css";
import { browserSurroundings } from "./feed.ts";
import { followAddress } from "./route.ts";
import { ConsoleStore } from "./store.ts";

restoreTheme();
followAddress();
const store = new ConsoleStore(browserSurroundings());
store.start();
render(<Console store={store} />, document.querySelector("#app") ?? document.body);
