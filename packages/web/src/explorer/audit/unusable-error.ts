/** What a reader can do something about; its message is a sentence. */
export class UnusableError extends Error {}
