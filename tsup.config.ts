import { join } from "node:path";
import { defineConfig } from "tsup";

const compiler = join(import.meta.dirname, "node_modules/typescript7/bin/tsc");

/** A relative specifier as esbuild prints it in an import, in a re-export and in a call of `import`. */
const relativeSpecifier = /(?<=\bfrom |^import |\bimport\()"(\.\.?\/[^"\n]+)\.ts"/gm;

/**
 * How every package is built: one JavaScript file and one declaration for each source file (docs/decisions.md).
 * The compiler, not esbuild, checks the types and writes the declarations, so that a type error fails the build.
 */
export default defineConfig(({ watch }) => ({
  entry: ["src/**/*.ts"],
  outDir: "dist",
  bundle: false,
  splitting: false,
  format: "esm",
  platform: "neutral",
  tsconfig: "tsconfig.build.json",
  removeNodeProtocol: false,
  dts: false,
  // A watcher keeps what stands: a package that builds meanwhile reads its declarations.
  clean: !watch,
  silent: !watch,
  plugins: [
    {
      // Sources name each other by `.ts`, which Node and the compiler read; esbuild resolves nothing where it does not bundle.
      name: "relative-specifiers",
      renderChunk: (code) => ({ code: code.replace(relativeSpecifier, '"$1.js"') }),
    },
  ],
  onSuccess: [process.execPath, compiler, "-p", "tsconfig.build.json", "--emitDeclarationOnly"]
    .map((word) => JSON.stringify(word))
    .join(" "),
}));
