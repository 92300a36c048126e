export { type LogSink, type ObserveSpendOptions, observeSpend } from "./observe-spend.ts";
