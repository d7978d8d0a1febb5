/** Pages that work without scripts. */

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

/** Fills texts into HTML, so that they stay texts; {@link Html} and lists of it are taken as they are. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | Html | readonly Html[])[]
): Html {
  const filled = values.map((value) => {
    if (typeof value === "string") return escaped(value);
    return "html" in value ? value.html : value.map((one) => one.html).join("");
  });
  return { html: parts.map((part, index) => part + (filled[index] ?? "")).join("") };
}

/** A whole page. */
export function page(title: string, body: Html): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; background: #f2f2f2; color: #1b1b1b; margin: 0; display: grid; min-height: 100vh; place-items: center; }
main { background: #fff; box-sizing: border-box; width: min(27.5rem, 100%); padding: 2.75rem; box-shadow: 0 2px 6px #0003; }
h1 { font-size: 1.5rem; font-weight: 600; margin: .5rem 0 1rem; }
input { font: inherit; width: 100%; box-sizing: border-box; border: 0; border-bottom: 1px solid #666; padding: .4rem 0; margin: .25rem 0 1rem; background: none; }
button { font: inherit; background: #0067b8; color: #fff; border: 0; padding: .4rem 1.75rem; }
button.quiet { background: #ccc; color: #000; }
.error { color: #c50000; }
.small { font-size: .8125rem; color: #555; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<p class="small">Protected Sites lab, in place of Microsoft Entra ID</p>
${body.html}
</main>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
