import { relative } from "node:path";
import { type DefaultTheme, type UserConfig, defineConfig } from "vitepress";
import { excluded, pageOf, relativeTarget, repository, siteLink, slugOf } from "./pages.ts";
import { writePlainText } from "./plain-text.ts";
import { sidebar } from "./sidebar.ts";

const origin = "https://imprest.github.io/imprest";

const asText = (html: string): string => html.replaceAll("{{", "&#123;&#123;");

const config: UserConfig<DefaultTheme.Config> = defineConfig({
  title: "Imprest",
  description: "A budget that an AI agent cannot exceed: reserve, run, commit what it really cost, prove it.",
  lang: "en",
  base: process.env["SITE_BASE"] ?? "/",
  srcDir: "..",
  srcExclude: excluded,
  outDir: "../.site",
  cacheDir: "../.site-cache",
  cleanUrls: true,
  rewrites: pageOf,
  markdown: {
    anchor: { slugify: slugOf },
    config(markdown) {
      const { rules } = markdown.renderer;
      const render = rules["link_open"];
      const code = rules["code_inline"];
      // Two braces are the text that they are, and no expression of Vue's.
      rules["code_inline"] = (...given) => asText(code?.(...given) ?? "");
      const text = rules["text"];
      rules["text"] = (...given) => asText(text?.(...given) ?? "");
      rules["link_open"] = (
        tokens,
        index,
        options,
        env: { readonly path: string; readonly realPath?: string },
        self,
      ) => {
        const token = tokens[index];
        const target = relativeTarget(token?.attrGet("href") ?? "");
        if (target !== undefined)
          token?.attrSet("href", siteLink(relative(repository, env.realPath ?? env.path), target));
        return render?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options);
      };
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: sidebar(),
    nav: [
      { text: "Start", link: "/start" },
      { text: "All pages", link: "/pages" },
      { text: "Reference", link: "/reference/", target: "_self" },
      { text: "Audit explorer", link: "/explorer/", target: "_self" },
    ],
    socialLinks: [{ icon: "github", link: "https://github.com/imprest/imprest" }],
    editLink: {
      pattern: ({ filePath }) => `https://github.com/imprest/imprest/edit/main/${filePath}`,
      text: "Edit this page",
    },
  },
  async buildEnd({ pages, rewrites, outDir }) {
    await writePlainText(
      pages.map((page) => rewrites.inv[page] ?? page),
      outDir,
      origin,
    );
  },
});

export default config;
