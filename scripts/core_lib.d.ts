/**
 * What a core may use beyond the language itself (`lib: ["esnext"]`): the two text codecs, which are pure functions.
 * Everything else of the platform (`Deno`, `fetch`, `setTimeout`, `crypto`, `console`) stays undeclared, so that a core
 * that reaches for a clock, the network, the disk or randomness does not compile.
 */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: ArrayBufferView | ArrayBufferLike): string;
}
