/** Where two ICE agents tell each other their candidates: `ice_meet.ts PORT` hands on what each of two TCP clients writes to the other. */
const listener = Deno.listen({ hostname: "0.0.0.0", port: Number(Deno.args[0]) });
console.log("meeting");
for (;;) {
  const one = await listener.accept();
  const other = await listener.accept();
  for (const [from, to] of [[one, other], [other, one]] as const) {
    void from.readable.pipeTo(to.writable).catch(() => {});
  }
}
