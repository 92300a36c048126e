export { certifiedBy } from "./certified-by.ts";
