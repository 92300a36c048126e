import type { X402Requirements } from "./requirements.ts";

/**
 * USDC as Circle issues it, six decimals, by network: its contracts in lower case, its Solana mints as they are spelled.
 * Source: Circle, "USDC contract addresses"; the default assets of `@x402/evm` 2.27.0, `@x402/svm` 2.27.0 and `x402` 1.2.0,
 * whose bridged tokens and other dollars are left out.
 */
const usdc: Readonly<Record<string, string>> = {
  "eip155:1": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
  "eip155:50": "0xfa2958cb79b0491cc627c1557f441ef849ca8eb1",
  "eip155:51": "0xb5ab69f7bbada22b28e79c8ffaece55ef1c771d4",
  "eip155:137": "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359",
  "eip155:143": "0x754704bc059f8c67012fed69bc8a327a5aafb603",
  "eip155:1328": "0x4fcf1784b31630811181f670aea7a7bef803eaed",
  "eip155:1329": "0xe15fc38f6d8c56af07bbcbe3baf5708a2bf42392",
  "eip155:8453": "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
  "eip155:42161": "0xaf88d065e77c8cc2239327c5edb3a432268e5831",
  "eip155:42220": "0xceba9300f2b948710d2653dd7b07f33a8b32118c",
  "eip155:43113": "0x5425890298aed601595a70ab815c96711a31bc65",
  "eip155:43114": "0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e",
  "eip155:80002": "0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582",
  "eip155:84532": "0x036cbd53842c5426634e7929541ec2318f3dcf7e",
  "eip155:421614": "0x75faf114eafb1bdbe2f0316df893fd58ce46aa4d",
  "eip155:11142220": "0x01c5c0122039549ad1493b8220cabedd739bc44e",
  "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
  "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU",
};

/** What version 1 of the protocol calls these networks (`x402` 1.2.0, `@x402/evm/v1` 2.27.0). */
const namesOfV1: Readonly<Record<string, string>> = {
  avalanche: "eip155:43114",
  "avalanche-fuji": "eip155:43113",
  base: "eip155:8453",
  "base-sepolia": "eip155:84532",
  polygon: "eip155:137",
  "polygon-amoy": "eip155:80002",
  sei: "eip155:1329",
  "sei-testnet": "eip155:1328",
  solana: "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
  "solana-devnet": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
};

const microcentsOfAtomic = 100n;

/** Atomic units of USDC in microcents; `undefined` for another asset, whose worth is not known here. */
export function usdcMicrocents(atomic: bigint, { network, asset }: X402Requirements): bigint | undefined {
  const place = Object.hasOwn(namesOfV1, network) ? namesOfV1[network] : network;
  if (place === undefined || !Object.hasOwn(usdc, place)) return undefined;
  const spelled = place.startsWith("eip155:") ? asset.toLowerCase() : asset;
  return usdc[place] === spelled ? atomic * microcentsOfAtomic : undefined;
}
