/** A mail as it goes over the wire (RFC 5322, MIME): UTF-8, in Base64, so that no line is too long and none begins with a dot. */
import type { Message } from '../domain/notice/message.ts';

export interface MailHead {
  readonly from: string;
  readonly to: readonly string[];
}

/** Lines end in CRLF. The id of the message is in its Message-ID, by which receivers know doubles. */
export function mailText({ from, to }: MailHead, { id, atMs, title, text }: Message): string {
  return [
    `From: Drover <${from}>`,
    folded('To: ', to),
    `Subject: ${encodedWords(title)}`,
    `Date: ${dateText(atMs)}`,
    `Message-ID: <${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    // No machine answers it, and none is out of the office for it.
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(`${text}\n`)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '',
  ].join('\r\n');
}

/** One a line. */
function folded(head: string, addresses: readonly string[]): string {
  return head + addresses.join(',\r\n ');
}

/** Encoded words of whole characters, in lines of 76 characters at most (RFC 2047). Plain ASCII stays as it is, where it is short. */
function encodedWords(title: string): string {
  if (/^[\x20-\x7e]{0,60}$/.test(title)) return title;
  const words: string[] = [];
  let word = '';
  for (const sign of title) {
    if (Buffer.byteLength(word + sign) > 39) {
      words.push(word);
      word = '';
    }
    word += sign;
  }
  return [...words, word].map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ');
}

/** `Sun, 29 Nov 2026 20:00:00 +0000` */
function dateText(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}
