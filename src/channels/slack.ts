/** Slack, by an incoming webhook: its URL is its secret. What refuses does so by its status, with a word. */
import { z } from 'zod';
import { fitted } from '../domain/notice/message.ts';
import { byHttp, originOf, type ChannelKind } from './channel-kind.ts';
import { more } from './more.ts';
import { url } from './shapes.ts';

const shape = z.strictObject({ kind: z.literal('slack'), url: url.describe('https://hooks.slack.com/services/…') });
/** Slack cuts longer texts itself, silently, at 40,000; so long is what somebody reads. */
const BYTES_MAX = 8_000;

export const slack: ChannelKind<typeof shape> = {
  shape,
  shown: (endpoint) => ({ to: originOf(endpoint.url) }),
  tell: byHttp<z.infer<typeof shape>>({
    request: (endpoint, { title, text }, { lang }) => ({
      method: 'POST',
      url: endpoint.url,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ text: asWritten(`${title}\n${fitted(text, BYTES_MAX, more(lang))}`), mrkdwn: false }),
    }),
    refusalOf: () => undefined,
  }),
};

/** Output of a script calls nobody: <!channel> is a call, and &lt;!channel&gt; is text. */
function asWritten(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
