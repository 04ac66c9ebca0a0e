/** A web server of the world outside that tells who asks. */
Deno.serve({ hostname: "::", port: 80, onListen: () => console.log("serving") }, (_, { remoteAddr }) => {
  const who = "hostname" in remoteAddr ? remoteAddr.hostname.replace(/^::ffff:/, "") : "";
  return new Response(`${who}\n`);
});
