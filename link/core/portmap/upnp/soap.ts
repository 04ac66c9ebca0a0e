/** Actions of a gateway's WANIPConnection service (UPnP WANIPConnection:2, section 2.5) in SOAP. */
import { GhostError } from "../../../../mesh/wire/errors.ts";
import { type GatewayUrl, gatewayUrl } from "./ssdp.ts";
import { childText, elements, readXml } from "./xml.ts";

/** Services that map ports, best first. */
const SERVICES = ["WANIPConnection:2", "WANIPConnection:1", "WANPPPConnection:1"]
  .map((name) => `urn:schemas-upnp-org:service:${name}`);

/** A service that maps ports. */
export interface UpnpService {
  type: string;
  control: GatewayUrl;
}

/** An action with its arguments. */
export interface UpnpAction {
  name: string;
  arguments: Readonly<Record<string, string | number>>;
}

/** Error codes of answers that mean something to us. */
export const UPNP_ERROR = { noSuchEntry: 714, conflict: 718, permanentOnly: 725 } as const;

/** The gateway's answer: values by name, or its error code. */
export type UpnpAnswer = { values: ReadonlyMap<string, string> } | { error: number; text: string };

/**
 * The service in a gateway's description (UPnP Device Architecture 1.1 section 2.3) whose control URL lies on the gateway
 * itself; null without one.
 * @throws GhostError `bad_input` for what is no XML
 */
export function readDescription(text: string, from: GatewayUrl): UpnpService | null {
  const root = readXml(text, "gateway description");
  const found = [...elements(root, "service")].flatMap((service): UpnpService[] => {
    const type = childText(service, "serviceType") ?? "";
    const url = childText(service, "controlURL") ?? "";
    const control = gatewayUrl(url, { gateway: from.address, base: from });
    return SERVICES.includes(type) && control ? [{ type, control }] : [];
  });
  return found.toSorted((a, b) => SERVICES.indexOf(a.type) - SERVICES.indexOf(b.type))[0] ?? null;
}

/** The HTTP body and the header `SOAPAction` of an action. */
export function encodeAction(type: string, action: UpnpAction): { body: string; soapAction: string } {
  const words = Object.entries(action.arguments).map(([name, value]) => `<${name}>${escaped(String(value))}</${name}>`);
  const body = `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ` +
    `s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action.name} xmlns:u="${type}">` +
    `${words.join("")}</u:${action.name}></s:Body></s:Envelope>\r\n`;
  return { body, soapAction: `"${type}#${action.name}"` };
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/**
 * Reads the answer to an action.
 * @throws GhostError `bad_input` when it is none
 */
export function readActionAnswer(text: string, action: UpnpAction): UpnpAnswer {
  const root = readXml(text, "gateway answer");
  const [answer] = elements(root, `${action.name}Response`);
  if (answer) return { values: new Map(answer.children.map((child) => [child.name, child.text.trim()])) };
  const [fault] = elements(root, "UPnPError");
  const code = fault && childText(fault, "errorCode");
  if (!fault || !code || !/^[0-9]{1,5}$/.test(code)) {
    throw new GhostError("bad_input", `No answer to ${action.name}`, { place: "gateway answer" });
  }
  const words = (childText(fault, "errorDescription") ?? "").replace(/[^ -~]/g, "").slice(0, 80);
  return { error: Number(code), text: words };
}

/** The actions that are used, with UDP and any remote host. */
export const upnp = {
  externalAddress: (): UpnpAction => ({ name: "GetExternalIPAddress", arguments: {} }),
  entry: (port: number): UpnpAction => ({ name: "GetSpecificPortMappingEntry", arguments: entryKey(port) }),
  add: (port: number, o: { client: string; inner: number; lease: number }): UpnpAction => ({
    name: "AddPortMapping",
    arguments: {
      ...entryKey(port),
      NewInternalPort: o.inner,
      NewInternalClient: o.client,
      NewEnabled: 1,
      NewPortMappingDescription: "ghostmesh",
      NewLeaseDuration: o.lease,
    },
  }),
  remove: (port: number): UpnpAction => ({ name: "DeletePortMapping", arguments: entryKey(port) }),
};

function entryKey(port: number): Record<string, string | number> {
  return { NewRemoteHost: "", NewExternalPort: port, NewProtocol: "UDP" };
}
