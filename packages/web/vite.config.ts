import { defineConfig, defaultClientConditions } from "vite";
import { commonHead } from "./head.ts";

/** Two pages, which a server or a folder may serve under any path: every address in them is relative. */
export default defineConfig({
  base: "./",
  plugins: [commonHead],
  resolve: { conditions: ["@imprest/source", ...defaultClientConditions] },
  // In one file, so that a page without a network lacks no part of its verifier.
  worker: { format: "es", rolldownOptions: { output: { codeSplitting: false } } },
  build: {
    outDir: "../imprest/dist/web",
    emptyOutDir: true,
    // Those with light-dark() in style sheets: from the first half of 2024.
    target: ["chrome123", "firefox120", "safari17.5"],
    // Nothing inline: the policy of the pages allows no data: address but a picture's.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
    rolldownOptions: { input: ["console.html", "explorer.html"] },
  },
});
