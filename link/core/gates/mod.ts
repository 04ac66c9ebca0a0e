export { type HomeWhy, Homing, type HomingEvent } from "./homing.ts";
export { Liveness } from "./liveness.ts";
export { type GateOption, Meeting, type MeetWord } from "./meeting.ts";
