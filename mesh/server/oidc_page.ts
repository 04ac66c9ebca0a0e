/** The few pages that a browser sees here: text, at most one button, no script, nothing from elsewhere. */
import type { Ctx } from "./context.ts";

/** What a page says; all of it is text. */
export interface Page {
  title: string;
  lines: string[];
  form?: { action: string; fields: Record<string, string>; button: string };
  /** Seconds until the browser asks again. */
  refresh?: number;
}

/** Answers with a page. */
export function page(c: Ctx, { title, lines, form, refresh }: Page, status: 200 | 403 | 404 = 200): Response {
  const fields = Object.entries(form?.fields ?? {}).map(([name, value]) =>
    `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`
  );
  const html = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
    refresh === undefined ? "" : `<meta http-equiv="refresh" content="${refresh}">`,
    `<title>${escape(title)} - GhostMesh</title></head><body><main><h1>${escape(title)}</h1>`,
    ...lines.map((line) => `<p>${escape(line)}</p>`),
    form
      ? `<form method="post" action="${escape(form.action)}">${fields.join("")}<button>${
        escape(form.button)
      }</button></form>`
      : "",
    "</main></body></html>\n",
  ].join("");
  return c.html(html, status, {
    // A code is in the address, so the address goes nowhere; and nobody may lay this page under another.
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
