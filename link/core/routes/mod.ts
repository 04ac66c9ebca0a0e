/** Routes of others: which carrier each prefix takes, and whether it is there. */
export * from "./choose.ts";
export * from "./health.ts";
