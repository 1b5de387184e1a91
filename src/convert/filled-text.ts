/**
 * A text with places for values, as both `${name}` of the source and what becomes of it: an expression where Drover fills words in, a
 * quoted variable where a shell reads it. A value is never a part of a program.
 */

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  /** A parameter of the job, by its name there. */
  | { readonly kind: 'parameter'; readonly name: string }
  /** A variable that every script has. */
  | { readonly kind: 'variable'; readonly name: string };
export type FilledText = readonly Part[];

export function textOf(text: string): FilledText {
  return text === '' ? [] : [{ kind: 'text', text }];
}

/** Undefined unless it holds nothing that is filled in. */
export function literalOf(parts: FilledText): string | undefined {
  let text = '';
  for (const part of parts) {
    if (part.kind !== 'text') return undefined;
    text += part.text;
  }
  return text;
}

/**
 * As a word of `command`, `env`, `cwd`, `user` and `targets`; undefined where it says what no word may: a variable, or a value right behind
 * a `$`, as that would make a text of it.
 */
export function wordOf(parts: FilledText): string | undefined {
  let [word, text] = ['', ''];
  for (const part of parts) {
    if (part.kind === 'variable') return undefined;
    // Texts that come to stand side by side are one, also where that makes the signs of a value of it.
    if (part.kind === 'text') text += part.text;
    else {
      if (text.endsWith('$')) return undefined;
      word += `${escaped(text)}\${{ params.${part.name} }}`;
      text = '';
    }
  }
  return word + escaped(text);
}

function escaped(text: string): string {
  // As a function: in a text that replaces, two $ are one.
  return text.replaceAll('${{', () => '$${{');
}

/** As one word for a POSIX shell. */
export function shellWordOf(parts: FilledText): string {
  const word = parts
    .map((part) => {
      if (part.kind === 'text') return quoted(part.text);
      return part.kind === 'parameter' ? `"$DROVER_PARAM_${part.name}"` : `"$${part.name}"`;
    })
    .join('');
  return word === '' ? "''" : word;
}

const NEEDS_NO_QUOTES = /^[A-Za-z0-9_@%+=:,./-]+$/;

function quoted(text: string): string {
  return NEEDS_NO_QUOTES.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Words of a command line, split where blanks stand outside of quotes. */
export function splitWords(parts: FilledText): FilledText[] {
  const words: Part[][] = [];
  let word: Part[] | undefined;
  let quote = '';
  let text = '';
  const flush = (): void => {
    if (text !== '') (word ??= []).push({ kind: 'text', text });
    text = '';
  };
  for (const part of parts) {
    if (part.kind !== 'text') {
      flush();
      (word ??= []).push(part);
      continue;
    }
    for (const letter of part.text) {
      if (quote === '' ? letter === '"' || letter === "'" : letter === quote) {
        quote = quote === '' ? letter : '';
        word ??= [];
      } else if (quote === '' && /\s/.test(letter)) {
        flush();
        if (word) words.push(word);
        word = undefined;
      } else text += letter;
    }
  }
  flush();
  if (word) words.push(word);
  return words;
}
