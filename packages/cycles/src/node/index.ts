export { type FleetJournalOptions, fleetJournal } from "./fleet-journal.ts";
