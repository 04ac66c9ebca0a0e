/** The clients of the coordinator and of gates. */
export { collectLedger } from "./collect_ledger.ts";
export { GateLine } from "./gate_line.ts";
export { askTicket, TicketBook } from "./gate_tickets.ts";
export * from "./mesh_client.ts";
export { pinCa, shownCa } from "./pin.ts";
export * from "./server_address.ts";
