/** The last line of a text of which not all fits into a message. */
import type { Lang } from '../domain/notice/message.ts';

export function more(lang: Lang): (lines: number) => string {
  return lang === 'zh' ? (lines) => `（还有 ${lines} 行）` : (lines) => `(${lines} more lines)`;
}
