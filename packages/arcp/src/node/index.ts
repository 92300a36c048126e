export { type SpawnTransportOptions, type StdioStreams, spawnTransport, stdioTransport } from "./stdio.ts";
