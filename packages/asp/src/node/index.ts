export { type FileIndex, openFileIndex } from "./file-index.ts";
