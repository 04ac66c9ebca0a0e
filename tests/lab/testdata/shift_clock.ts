/** Loaded before a program (`--preload`): its clock is ten minutes ahead. */
const now = Date.now;
Date.now = () => now() + 600_000;
