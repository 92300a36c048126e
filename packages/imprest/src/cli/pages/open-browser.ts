import { spawn } from "node:child_process";
import type { Terminal } from "../terminal.ts";

/**
 * Opens a link in the user's browser, where there is a screen to see it on. Nothing is said of a failure: the link is on the
 * terminal. `BROWSER=none` leaves it to the user.
 * @returns whether a program was started; never rejects.
 */
export function openBrowser(
  link: string,
  environment: Terminal["environment"],
  platform: NodeJS.Platform = process.platform,
): Promise<boolean> {
  const program = opener(environment, platform);
  if (program === undefined) return Promise.resolve(false);
  const [command, ...args] = program;
  const child = spawn(command, [...args, link], { stdio: "ignore", detached: true });
  child.unref();
  return new Promise((resolve) => {
    child.once("spawn", () => resolve(true));
    child.on("error", () => resolve(false));
  });
}

function opener(
  { BROWSER: chosen, DISPLAY: x11, WAYLAND_DISPLAY: wayland }: Terminal["environment"],
  platform: NodeJS.Platform,
): readonly [command: string, ...args: string[]] | undefined {
  if (chosen === "none") return undefined;
  if (platform === "darwin") return ["open"];
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  return x11 || wayland ? ["xdg-open"] : undefined;
}
