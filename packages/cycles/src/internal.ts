// What the payment guard needs of this package and users do not: no promise of stability, in no version.
export { CyclesConnection, type Operation, type Write } from "./connection.ts";
