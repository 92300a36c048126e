export { type ModelCall } from "./calls.ts";
export { type Answer, type Directive, type Fault, type Script } from "./directive.ts";
export { type ChargedTokens, type Counts, type ProviderPrices, type ProviderTokenPrices } from "./prices.ts";
export { type ModelProvider, type ModelProviderOptions, type ModelRequest, createModelProvider } from "./provider.ts";
export { type CountTokens, countTokens } from "./tokens.ts";
export { type WireName } from "./wires/wire.ts";
