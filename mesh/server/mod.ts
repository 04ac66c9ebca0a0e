/** The coordinator's app. */
export { createApp, type Draft, type MeshApp } from "./app.ts";
