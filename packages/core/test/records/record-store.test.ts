import { memoryRecordStore } from "@imprest/core";
import { recordStoreContract } from "./record-store-contract.ts";

recordStoreContract("memoryRecordStore", () => ({ store: memoryRecordStore() }));
