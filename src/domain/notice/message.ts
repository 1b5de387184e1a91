/** What is sent to a channel: words for people, and the same for programs. */
export const LANGS = ['en', 'zh'] as const;
export type Lang = (typeof LANGS)[number];

export interface Message {
  /** Stays the same however often it is tried: by it a receiver finds doubles. */
  readonly id: string;
  readonly atMs: number;
  /** One line. */
  readonly title: string;
  /** Lines, without the title. */
  readonly text: string;
  /** For programs, beside id and title: JSON that grows and never changes its meaning. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** At most so many bytes of UTF-8, whole lines where that is possible; what was cut is counted in a last line. */
export function fitted(text: string, bytesMax: number, moreOf: (lines: number) => string): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const lines = text.split('\n');
  const kept: string[] = [];
  let room = bytesMax - Buffer.byteLength(moreOf(lines.length)) - 1;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line) + 1;
    if (bytes > room) {
      if (kept.length === 0) kept.push(cutLine(line, room - 1));
      break;
    }
    room -= bytes;
    kept.push(line);
  }
  return [...kept, moreOf(lines.length - kept.length)].join('\n');
}

/** Whole characters of it, with a sign where something is missing. */
function cutLine(line: string, bytesMax: number): string {
  if (Buffer.byteLength(line) <= bytesMax) return line;
  let kept = '';
  let room = bytesMax - Buffer.byteLength('…');
  for (const sign of line) {
    room -= Buffer.byteLength(sign);
    if (room < 0) break;
    kept += sign;
  }
  return `${kept}…`;
}
