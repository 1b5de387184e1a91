/** Files of properties as Java writes them: `key=value`, `key: value` or `key value`, comments, lines that go on, and escapes. */

export interface Property {
  readonly key: string;
  readonly value: string;
  /** From 1, where it begins. */
  readonly line: number;
}

/** In the order of the file; a key that stands twice is there twice, and the last counts. */
export function parseProperties(text: string): Property[] {
  const found: Property[] = [];
  const lines = text.split(/\r\n|\r|\n/);
  for (let i = 0; i < lines.length; i++) {
    let part = lines[i]!.trimStart();
    if (part === '' || part.startsWith('#') || part.startsWith('!')) continue;
    const line = i + 1;
    const parts: string[] = [];
    for (; goesOn(part); part = lines[++i]!.trimStart()) {
      parts.push(part.slice(0, -1));
      if (i + 1 >= lines.length) break;
    }
    if (!goesOn(part)) parts.push(part);
    const { key, value } = split(parts.join(''));
    found.push({ key, value, line });
  }
  return found;
}

/** An even number of backslashes at the end are themselves. */
function goesOn(line: string): boolean {
  let at = line.length;
  while (line[at - 1] === '\\') at--;
  return (line.length - at) % 2 === 1;
}

function split(line: string): { readonly key: string; readonly value: string } {
  let at = 0;
  while (at < line.length && !/[=:\s]/.test(line[at]!)) at += line[at] === '\\' ? 2 : 1;
  const rest = line.slice(at).replace(/^\s*[=:]?\s*/, '');
  return { key: unescaped(line.slice(0, at)), value: unescaped(rest) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g, (_, code: string | undefined, letter: string) =>
    code === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
