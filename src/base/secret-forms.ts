/**
 * The forms in which a secret leaves a program, as bytes to look for: itself, its lines, and what shells, encoders and serialisers make
 * of it. Pure. What is not here is written in docs/guides/secrets.md: a form that we do not know cannot be masked.
 *
 * They come one by one, each a few milliseconds' work at the most for a secret of `secretBytesMax`, so that whoever asks can let others
 * have their turns in between. The same form may come more than once.
 */

/** Shorter ones would blank out ordinary text. */
const FORM_BYTES_MIN = 4;
/** The inside of a Base64 text, without the ends that depend on its neighbours: shorter ones are too often something else. */
const BASE64_CORE_MIN = 8;

export function* secretForms(secrets: Iterable<string>): Generator<Buffer> {
  for (const secret of secrets) for (const form of formsOf(secret)) if (form.length >= FORM_BYTES_MIN) yield form;
}

function* formsOf(secret: string): Generator<Buffer> {
  // Files end with a line feed that a program drops or a shell adds; both ways it is the same secret.
  for (const text of new Set([secret, withoutLineFeeds(secret)])) {
    if (Buffer.byteLength(text) < FORM_BYTES_MIN) continue;
    yield Buffer.from(text);
    for (const forms of [quoted(text), jsonForms(text), htmlForms(text)])
      for (const form of forms) yield Buffer.from(form);
    // A program that knows one byte for each letter; what goes beyond these it cannot say.
    if (/^[\0-\xff]*$/.test(text) && /[\x80-\xff]/.test(text)) yield Buffer.from(text, 'latin1');
    const bytes = Buffer.from(text);
    for (const forms of [percentForms(bytes), hexForms(bytes), base64Forms(bytes)])
      for (const form of forms) yield Buffer.from(form, 'latin1');
  }
  const lines = secret.split(/\r?\n/);
  if (lines.length === 1) return;
  // Echoed line by line, also indented anew.
  for (const line of lines) for (const form of new Set([line, line.trim()])) yield Buffer.from(form);
  // The body of a PEM without its frame, which tools write anew with other line breaks.
  yield Buffer.from(lines.filter((line) => !line.startsWith('-----')).join(''));
}

/** At its end. A pattern would try from each of many line feeds in the middle anew. */
function withoutLineFeeds(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end--;
  return text.slice(0, end);
}

/** As shells show a word that they would take again: `set -x`, `%q`; the last of them where the locale knows no characters beyond ASCII. */
function* quoted(text: string): Generator<string> {
  yield text.replaceAll("'", `'\\''`);
  yield text.replaceAll("'", `'"'"'`);
  for (const special of [
    /[^\w@%+=:./~#\-\u0080-\uffff]|^[#~]|(?<=[:=])~/g,
    /[^\w@%+=:,./~#\-\u0080-\uffff]|^[#~]|(?<=[:=])~/g,
  ])
    yield text.replace(special, '\\$&');
  const ansi = Buffer.from(text)
    .toString('latin1')
    .replace(/['\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
  yield Buffer.from(ansi, 'latin1').toString();
  yield ansi.replace(/[\x80-\xff]/g, (one) => `\\${one.charCodeAt(0).toString(8)}`);
}

function* jsonForms(text: string): Generator<string> {
  const json = JSON.stringify(text).slice(1, -1);
  const escaped = (source: string, pattern: RegExp): string =>
    source.replace(pattern, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const ascii = escaped(json, /[\u0080-\uffff]/g);
  for (const form of [json, ascii, escaped(json, /[<>&]/g), escaped(ascii, /[<>&']/g)]) {
    yield form;
    yield form.replaceAll('/', '\\/');
    yield form.replace(/\\u[0-9a-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`);
  }
}

/** Both quotes as browsers, Python, PHP, Go, JavaScript and XML write them; each form of a large secret costs megabytes. */
const HTML_QUOTES = [
  ['"', "'"],
  ['&quot;', '&#x27;'],
  ['&quot;', '&#039;'],
  ['&#34;', '&#39;'],
  ['&quot;', '&#39;'],
  ['&quot;', '&apos;'],
] as const;

/** As pages show it. */
function* htmlForms(text: string): Generator<string> {
  if (!/[&<>"']/.test(text)) return;
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const forms = HTML_QUOTES.map(([quote, single]) => html.replaceAll('"', quote).replaceAll("'", single));
  // A secret without quotes has one form.
  yield* new Set(forms);
}

/** Of URLs and forms; libraries differ in what they leave as it is and in the case of the digits. */
function* percentForms(bytes: Buffer): Generator<string> {
  const unreserved = 'A-Za-z0-9\\-._';
  const leaves = [
    `${unreserved}~`,
    unreserved,
    `${unreserved}~!'()*`,
    `${unreserved}~/`,
    `${unreserved}~;,/?:@&=+$!*'()#`,
  ];
  const source = bytes.toString('latin1');
  for (const set of leaves) {
    const upper = source.replace(
      new RegExp(`[^${set}]`, 'gs'),
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
    yield upper;
    yield upper.replaceAll('%20', '+');
    const lower = upper.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
    yield lower;
    yield lower.replaceAll('%20', '+');
  }
}

function* hexForms(bytes: Buffer): Generator<string> {
  const hex = bytes.toString('hex');
  yield hex;
  yield hex.toUpperCase();
  const apart = hex.replace(/..(?=.)/g, '$&:');
  yield apart;
  yield apart.toUpperCase();
}

/** Alone, with a line feed, and inside of something longer (`user:SECRET`), in both alphabets, with padding and without. */
function* base64Forms(bytes: Buffer): Generator<string> {
  const inBoth = (form: string): string[] => [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  for (const end of ['', '\n', '\r\n']) {
    const text = Buffer.concat([bytes, Buffer.from(end)]).toString('base64');
    yield* inBoth(text);
    yield* inBoth(text.replace(/=+$/, ''));
  }
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    if (core.length >= BASE64_CORE_MIN) yield* inBoth(core);
  }
}
