export { sqliteJobStore } from "./sqlite-job-store.ts";
export { type StdioServerOptions, serveStdio } from "./stdio-server.ts";
export {
  type ArcpServer,
  type AttachOptions,
  type ServeOptions,
  attachWebSocket,
  serveWebSocket,
} from "./web-socket-server.ts";
