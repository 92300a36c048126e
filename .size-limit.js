// `pnpm exec size-limit` (after `pnpm build`): no browser bundle may outgrow what docs/sizes.md has of it.
import { browserBundles, forBrowsers } from "./tools/browser-bundles.ts";
import { committedSizes, tolerance } from "./tools/size-table.mjs";

const committed = committedSizes();

export default browserBundles().map(({ name, file, imports }) => {
  const size = committed.get(name);
  return {
    name,
    path: file,
    import: imports,
    gzip: true,
    ...(size !== undefined && { limit: `${size + tolerance(size)} B` }),
    modifyEsbuildConfig: (config) => ({ ...config, ...forBrowsers }),
  };
});
