import assert from "node:assert/strict";
import { GhostError } from "../../../../mesh/wire/errors.ts";
import {
  encodeAction,
  encodeSearch,
  gatewayUrl,
  readActionAnswer,
  readDescription,
  readSearchAnswer,
  readXml,
  upnp,
} from "../mod.ts";

const GATEWAY = "192.168.1.1";
const FROM = { address: GATEWAY, port: 5000, path: "/rootDesc.xml" };
const answer = (location: string, st = "urn:schemas-upnp-org:device:InternetGatewayDevice:1") =>
  new TextEncoder().encode(`HTTP/1.1 200 OK\r\nST: ${st}\r\nLocation: ${location}\r\n\r\n`);
const service = (type: string, control: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${control}</controlURL></service>`;
const description = (...services: string[]) =>
  `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceList><device><serviceList>` +
  `${services.join("")}</serviceList></device></deviceList></device></root>`;
const refused = (error: unknown) => error instanceof GhostError && error.code === "bad_input";

Deno.test("readSearchAnswer() follows a gateway to itself alone", () => {
  assert.deepEqual(readSearchAnswer(answer(`http://${GATEWAY}:5000/rootDesc.xml`), GATEWAY), FROM);
  assert.deepEqual(readSearchAnswer(answer(`http://${GATEWAY}`), GATEWAY), { ...FROM, port: 80, path: "/" });
  const elsewhere = [
    "http://192.168.1.2:5000/x",
    "http://127.0.0.1:80/x",
    "http://169.254.169.254/latest/meta-data/",
    `https://${GATEWAY}/x`,
    `http://user@${GATEWAY}/x`,
    `http://${GATEWAY}@127.0.0.1/x`,
    `http://${GATEWAY}.example.com/x`,
    `http://${GATEWAY}:0/x`,
    `http://${GATEWAY}:70000/x`,
    `http://${GATEWAY}/a b`,
    "http://3232235777/x",
    "http://[::1]/x",
    "file:///etc/passwd",
    "/rootDesc.xml",
    "",
  ];
  for (const location of elsewhere) assert.equal(readSearchAnswer(answer(location), GATEWAY), null, location);
  assert.equal(readSearchAnswer(answer(`http://${GATEWAY}/x`, "upnp:rootdevice"), GATEWAY), null);
  assert.equal(readSearchAnswer(answer(`http://${GATEWAY}/${"x".repeat(3000)}`), GATEWAY), null);
  assert.equal(readSearchAnswer(new TextEncoder().encode("NOTIFY * HTTP/1.1\r\n\r\n"), GATEWAY), null);
});

Deno.test("encodeSearch() asks for gateways in the words of UPnP 1.1 section 1.3.2", () => {
  assert.equal(
    new TextDecoder().decode(encodeSearch("239.255.255.250")),
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n' +
      "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n",
  );
});

Deno.test("readDescription() finds the best service whose control lies on the gateway, and no other", () => {
  const both = description(service("WANIPConnection:1", "/one"), service("WANIPConnection:2", "two"));
  assert.deepEqual(readDescription(both, FROM), {
    type: "urn:schemas-upnp-org:service:WANIPConnection:2",
    control: { ...FROM, path: "/two" },
  });
  for (
    const control of ["http://10.0.0.9/ctl", "//10.0.0.9/ctl", `http://${GATEWAY}:22/ctl`, "http:10.0.0.9", "\\\\x"]
  ) {
    assert.equal(readDescription(description(service("WANIPConnection:1", control)), FROM), null, control);
  }
  assert.equal(readDescription(description(service("Layer3Forwarding:1", "/l3")), FROM), null);
  assert.deepEqual(gatewayUrl(`http://${GATEWAY}:5000/ctl`, { gateway: GATEWAY, base: FROM }), {
    ...FROM,
    path: "/ctl",
  });
});

Deno.test("readXml() refuses what a document declares of its own, and what is too deep, too much or no XML", () => {
  const entity = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>';
  const external = '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>';
  const bad = [entity, external, "<r>&nbsp;</r>", "<r>", "", "text", "<r/><r/>", "<a>".repeat(30) + "</a>".repeat(30)];
  for (const text of [...bad, `<r>${"<a/>".repeat(3000)}</r>`]) {
    assert.throws(() => readXml(text, "test"), refused, text.slice(0, 60));
  }
  const tree = readXml('<s:r xmlns:s="x"><a> 1 &lt; 2 </a><![CDATA[<b>]]></s:r>', "test");
  assert.deepEqual(tree, { name: "r", text: "<b>", children: [{ name: "a", text: " 1 < 2 ", children: [] }] });
});

Deno.test("readActionAnswer() reads values and error codes, and nothing of another action", () => {
  const envelope = (inner: string) =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inner}</s:Body></s:Envelope>`;
  const action = upnp.externalAddress();
  const good = envelope(
    '<u:GetExternalIPAddressResponse xmlns:u="x"><NewExternalIPAddress>203.0.113.2</NewExternalIPAddress>' +
      "</u:GetExternalIPAddressResponse>",
  );
  assert.deepEqual(readActionAnswer(good, action), { values: new Map([["NewExternalIPAddress", "203.0.113.2"]]) });
  const fault = envelope(
    "<s:Fault><detail><UPnPError><errorCode>718</errorCode><errorDescription>Conflict\u001b[2J</errorDescription>" +
      "</UPnPError></detail></s:Fault>",
  ).replace("\u001b", "");
  assert.deepEqual(readActionAnswer(fault, action), { error: 718, text: "Conflict[2J" });
  assert.throws(() => readActionAnswer(good, upnp.remove(1)), refused);
  assert.throws(() => readActionAnswer(envelope("<s:Fault/>"), action), refused);
});

Deno.test("encodeAction() names this machine as the client, and lets nothing out of its element", () => {
  const { body, soapAction } = encodeAction("urn:x", upnp.add(40001, { client: "10.9.1.2", inner: 51820, lease: 600 }));
  assert.equal(soapAction, '"urn:x#AddPortMapping"');
  assert.match(body, /<NewExternalPort>40001<\/NewExternalPort><NewProtocol>UDP<\/NewProtocol><NewInternalPort>51820</);
  assert.match(body, /<NewInternalClient>10\.9\.1\.2<\/NewInternalClient>/);
  const odd = encodeAction("urn:x", { name: "A", arguments: { B: "</B><C>&" } });
  assert.match(odd.body, /<B>&lt;\/B&gt;&lt;C&gt;&amp;<\/B>/);
});
