/** A web server that tells who asks, and where it is, by its argument. */
Deno.serve({ hostname: "::", port: 80, onListen: () => console.log("serving") }, (_, { remoteAddr }) => {
  const who = "hostname" in remoteAddr ? remoteAddr.hostname.replace(/^::ffff:/, "") : "";
  return new Response(`${[who, ...Deno.args].join(" at ")}\n`);
});
