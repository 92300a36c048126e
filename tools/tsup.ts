import type { Options } from "tsup";

/** The one bundler setting of every package: neutral ESM, declarations left to the TypeScript 7 compiler. */
export function bundle(entry: string[]): Options {
  return {
    entry,
    format: ["esm"],
    platform: "neutral",
    target: "es2023",
    dts: false,
    splitting: true,
    treeshake: true,
    sourcemap: false,
    clean: true,
    // Without its prefix `node:sqlite` would be a package that does not exist.
    removeNodeProtocol: false,
    // `#transport` and its like stay import conditions for the user's runtime; node: stays external.
    external: [/^#/, /^node:/],
  };
}
