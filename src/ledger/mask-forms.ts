/**
 * The forms in which a secret leaves a program, as bytes to look for: itself, its lines, and what shells, encoders and serialisers make
 * of it. Pure. What is not here is written in docs/guides/secrets.md: a form that we do not know cannot be masked.
 */

/** Shorter ones would blank out ordinary text. */
const FORM_BYTES_MIN = 4;
/** The inside of a Base64 text, without the ends that depend on its neighbours: shorter ones are too often something else. */
const BASE64_CORE_MIN = 8;

export function secretForms(secrets: Iterable<string>): Buffer[] {
  const forms = new Map<string, Buffer>();
  const add = (bytes: Buffer): void => {
    if (bytes.length >= FORM_BYTES_MIN) forms.set(bytes.toString('latin1'), bytes);
  };
  for (const secret of secrets) {
    // Files end with a line feed that a program drops or a shell adds; both ways it is the same secret.
    for (const text of new Set([secret, secret.replace(/[\r\n]+$/, '')])) {
      if (Buffer.byteLength(text) < FORM_BYTES_MIN) continue;
      for (const form of [text, ...quoted(text), ...jsonForms(text)]) add(Buffer.from(form));
      const bytes = Buffer.from(text);
      for (const form of [...percentForms(bytes), ...hexForms(bytes), ...base64Forms(bytes)])
        add(Buffer.from(form, 'latin1'));
    }
    const lines = secret.split(/\r?\n/);
    if (lines.length === 1) continue;
    // Echoed line by line, also indented anew.
    for (const line of lines) for (const form of [line, line.trim()]) add(Buffer.from(form));
    // The body of a PEM without its frame, which tools write anew with other line breaks.
    add(Buffer.from(lines.filter((line) => !line.startsWith('-----')).join('')));
  }
  return [...forms.values()];
}

/** As shells show a word that they would take again: `set -x`, `%q`; the last of them where the locale knows no characters beyond ASCII. */
function quoted(text: string): string[] {
  const ansi = Buffer.from(text)
    .toString('latin1')
    .replace(/['\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
  return [
    text.replaceAll("'", `'\\''`),
    text.replaceAll("'", `'"'"'`),
    ...[/[^\w@%+=:./~#\-\u0080-\uffff]|^[#~]|(?<=[:=])~/g, /[^\w@%+=:,./~#\-\u0080-\uffff]|^[#~]|(?<=[:=])~/g].map(
      (special) => text.replace(special, '\\$&'),
    ),
    Buffer.from(ansi, 'latin1').toString(),
    ansi.replace(/[\x80-\xff]/g, (one) => `\\${one.charCodeAt(0).toString(8)}`),
  ];
}

function jsonForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const escaped = (source: string, pattern: RegExp): string =>
    source.replace(pattern, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const ascii = escaped(json, /[\u0080-\uffff]/g);
  const forms = [json, ascii, escaped(json, /[<>&]/g), escaped(ascii, /[<>&']/g)];
  return forms.flatMap((form) => [
    form,
    form.replaceAll('/', '\\/'),
    form.replace(/\\u[0-9a-f]{4}/g, (unit) => `\\u${unit.slice(2).toUpperCase()}`),
  ]);
}

/** Of URLs and forms; libraries differ in what they leave as it is and in the case of the digits. */
function percentForms(bytes: Buffer): string[] {
  const unreserved = 'A-Za-z0-9\\-._';
  const leaves = [
    `${unreserved}~`,
    unreserved,
    `${unreserved}~!'()*`,
    `${unreserved}~/`,
    `${unreserved}~;,/?:@&=+$!*'()#`,
  ];
  const source = bytes.toString('latin1');
  const upper = leaves.map((set) =>
    source.replace(
      new RegExp(`[^${set}]`, 'gs'),
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    ),
  );
  return upper.flatMap((form) => {
    const lower = form.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
    return [form, lower, form.replaceAll('%20', '+'), lower.replaceAll('%20', '+')];
  });
}

function hexForms(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  const apart = hex.replace(/..(?=.)/g, '$&:');
  return [hex, hex.toUpperCase(), apart, apart.toUpperCase()];
}

/** Alone, with a line feed, and inside of something longer (`user:SECRET`), in both alphabets, with padding and without. */
function base64Forms(bytes: Buffer): string[] {
  const plain = [bytes, Buffer.concat([bytes, Buffer.from('\n')]), Buffer.concat([bytes, Buffer.from('\r\n')])].flatMap(
    (one) => {
      const text = one.toString('base64');
      return [text, text.replace(/=+$/, '')];
    },
  );
  const cores = [0, 1, 2]
    .map((before) => {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
      return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    })
    .filter((core) => core.length >= BASE64_CORE_MIN);
  return [...plain, ...cores].flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}
