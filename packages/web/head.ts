import type { HtmlTagDescriptor, Plugin } from "vite";
import { pagePolicy } from "../imprest/src/pages/policy.ts";

/** What the heads of both pages begin with. A host of static files sends no policy of its own. */
const tags: HtmlTagDescriptor[] = [
  { tag: "meta", attrs: { charset: "utf-8" } },
  { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: pagePolicy } },
  { tag: "meta", attrs: { name: "viewport", content: "width=device-width, initial-scale=1" } },
  { tag: "meta", attrs: { name: "referrer", content: "no-referrer" } },
  { tag: "meta", attrs: { name: "color-scheme", content: "light dark" } },
  { tag: "link", attrs: { rel: "icon", href: "./src/shared/icon.svg" } },
  { tag: "link", attrs: { rel: "stylesheet", href: "./src/shared/style.css" } },
];

/** Puts them there before Vite resolves the files that they name. */
export const commonHead: Plugin = {
  name: "common-head",
  transformIndexHtml: {
    order: "pre",
    handler: () => tags.map((tag) => ({ ...tag, injectTo: "head-prepend" as const })),
  },
};
