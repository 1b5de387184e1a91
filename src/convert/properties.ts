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
    let logical = lines[i]!.trimStart();
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue;
    const line = i + 1;
    while (goesOn(logical) && i + 1 < lines.length) logical = logical.slice(0, -1) + lines[++i]!.trimStart();
    if (goesOn(logical)) logical = logical.slice(0, -1);
    const { key, value } = split(logical);
    found.push({ key, value, line });
  }
  return found;
}

/** An even number of backslashes at the end are themselves. */
function goesOn(line: string): boolean {
  return /\\*$/.exec(line)![0].length % 2 === 1;
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
