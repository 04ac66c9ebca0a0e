/** A web server that tells who asks, and where it is: `who_asks.ts [PLACE [PORT...]]`, port 80 without any. Says `serving`. */
const [place, ...ports] = Deno.args;

for (const port of ports.length > 0 ? ports.map(Number) : [80]) {
  Deno.serve({ hostname: "::", port, onListen: () => {} }, (_, { remoteAddr }) => {
    const who = "hostname" in remoteAddr ? remoteAddr.hostname.replace(/^::ffff:/, "") : "";
    return new Response(`${place === undefined ? who : `${who} at ${place}`}\n`);
  });
}
console.log("serving");
