/** The coordinator's app. */
export { type AppOptions, createApp, type Draft, type MeshApp, type ServerConfig } from "./app.ts";
