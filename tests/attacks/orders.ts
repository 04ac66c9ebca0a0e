/** How a hostile program is told what to lie about: one JSON object a line, added to a file that it reads again and again. */

/** Follows the file; a line that was carried out is told on standard output as `order N done`. */
export async function followOrders(path: string, carryOut: (order: unknown) => Promise<void> | void): Promise<never> {
  let done = 0;
  for (;;) {
    const text = await Deno.readTextFile(path).catch(() => "");
    const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter(Boolean);
    while (done < lines.length) {
      try {
        await carryOut(JSON.parse(lines[done]!));
        console.log(`order ${++done} done`);
      } catch (error) {
        console.log(`order ${++done} failed: ${error instanceof Error ? error.stack : error}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
