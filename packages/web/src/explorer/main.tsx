import { render } from "preact";
import { Blank, Shell } from "../shared/shell.tsx";
import { restoreTheme } from "../shared/theme.tsx";

restoreTheme();
render(
  <Shell title="Imprest audit explorer">
    <Blank title="Nothing here yet" />
  </Shell>,
  document.querySelector("#app") ?? document.body,
);
