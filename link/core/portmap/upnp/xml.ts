/**
 * What a router says in XML, as a small tree. It is hostile input: the text is bounded by whoever read it, the tree is bounded
 * here, and a document that declares anything of its own (DOCTYPE, entities) is refused at once.
 */
import { SaxesParser } from "saxes";
import { GhostError } from "../../../../mesh/wire/errors.ts";

const MAX_ELEMENTS = 2_000;
const MAX_DEPTH = 24;

/** An element; names are without their prefix. */
export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

/**
 * Reads a document.
 * @throws GhostError `bad_input`
 */
export function readXml(text: string, place: string): XmlElement {
  const refuse = (why: string): never => {
    throw new GhostError("bad_input", why, { place });
  };
  const top: XmlElement = { name: "", text: "", children: [] };
  const open = [top];
  let count = 0;
  const parser = new SaxesParser({ xmlns: false });
  parser.on("error", (error) => refuse(`Not XML: ${error.message}`));
  parser.on("doctype", () => refuse("A document type is not accepted"));
  parser.on("opentag", ({ name }) => {
    if (++count > MAX_ELEMENTS || open.length > MAX_DEPTH) refuse("Too many elements");
    const element: XmlElement = { name: name.slice(name.indexOf(":") + 1), text: "", children: [] };
    open.at(-1)!.children.push(element);
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  const add = (more: string) => void (open.at(-1)!.text += more);
  parser.on("text", add);
  parser.on("cdata", add);
  parser.write(text).close();
  return top.children[0] ?? refuse("An empty document");
}

/** All elements of this name, at any depth. */
export function* elements(of: XmlElement, name: string): Generator<XmlElement> {
  if (of.name === name) yield of;
  for (const child of of.children) yield* elements(child, name);
}

/** The trimmed text of the first child of this name; null without one. */
export function childText(of: XmlElement, name: string): string | null {
  return of.children.find((child) => child.name === name)?.text.trim() ?? null;
}
