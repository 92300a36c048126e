// Loaded with `--import`, before the library: puts back the fault that IMPREST_PLANTED_FAULT names.
import { registerHooks } from "node:module";
import { plantedFaults } from "./planted.ts";

const name = process.env["IMPREST_PLANTED_FAULT"];
const fault = plantedFaults.find((one) => one.name === name);
if (fault === undefined) throw new Error(`no fault is named ${name}`);
const { file, find, replace } = fault;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/packages/${file}`) || loaded.source === undefined || loaded.source === null) return loaded;
    const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
    if (source.split(find).length !== 2) throw new Error(`${file} does not have the source that "${name}" replaces`);
    return { ...loaded, source: source.replace(find, () => replace) };
  },
});
