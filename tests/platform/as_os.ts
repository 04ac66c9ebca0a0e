/** Preloaded by tests (`deno run --preload`): the operating system that TEST_OS names, with what Deno says there. */
const os = Deno.env.get("TEST_OS") as typeof Deno.build.os;
Object.defineProperty(Deno, "build", { value: { ...Deno.build, os } });
if (os === "windows") { for (const name of ["uid", "gid"]) Object.defineProperty(Deno, name, { value: () => null }); }
