import type { X402Requirements } from "./requirements.ts";

/** USDC, which has six decimals: a unit of it is a hundred microcents. Contracts in lower case, by both names of a network. */
const usdc: Readonly<Record<string, string>> = {
  "eip155:8453": "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
  base: "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
  "eip155:84532": "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
  "base-sepolia": "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
};

/** Atomic units of USDC on Base in microcents; `undefined` for another asset, whose worth is not known here. */
export function usdcMicrocents(atomic: bigint, { network, asset }: X402Requirements): bigint | undefined {
  const known = Object.hasOwn(usdc, network) ? usdc[network] : undefined;
  return known !== undefined && known === asset.toLowerCase() ? atomic * 100n : undefined;
}
