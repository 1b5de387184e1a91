/** Text in columns of a terminal: how wide it is, cut to fit, and free of what could command the terminal. Pure. */

const MARKS = /\p{Mark}|[\u200b-\u200f\u2060\ufeff\ufe00-\ufe0f]/u;
/** East Asian wide and full-width characters, and emoji: two columns each. */
const WIDE = new RegExp(
  '[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\u33ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\ua000-\\ua4cf' +
    '\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe4f\\uff00-\\uff60\\uffe0-\\uffe6' +
    '\\u{1f300}-\\u{1faff}\\u{20000}-\\u{3fffd}]',
  'u',
);

function widthOf(character: string): number {
  return MARKS.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Columns that a text takes; it holds no control characters. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

export function padText(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** At most so wide; what is cut off is told by an ellipsis. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = '';
  let taken = 1;
  for (const character of text) {
    taken += widthOf(character);
    if (taken > width) break;
    cut += character;
  }
  return `${cut}…`;
}

/** One line of text from elsewhere (names, labels, reasons): control characters are shown, not obeyed. */
export function plainText(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === '\n' ? '⏎' : character === '\t' ? ' ' : '�',
  );
}

/** Several lines of such text. */
export function plainLines(text: string): string {
  return text.split('\n').map(plainText).join('\n');
}

/** Output of a script for a terminal: lines, tabs and colours are kept; cursor, titles, bells and the order of letters obey no script. */
export function terminalText(text: string): string {
  const inert = text
    .replaceAll('\r\n', '\n')
    .replace(/\x1b\[[\d;:]*m|[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (match) =>
      match.length > 1 ? match : '�',
    );
  return inert.includes('\x1b[') ? `${inert}\x1b[0m` : inert;
}

/** With a large first letter. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
