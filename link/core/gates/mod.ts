export { type HomeWhy, Homing, type HomingAction, type HomingEvent, MAX_SESSIONS } from "./homing.ts";
export { Liveness } from "./liveness.ts";
export { chooseGate, type GateOption, MAX_TOLD, Meeting, type MeetWord } from "./meeting.ts";
