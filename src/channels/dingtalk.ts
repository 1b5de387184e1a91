/**
 * DingTalk, by the robot of a group, signed where the robot asks for it: HMAC-SHA256 over time and secret, in the URL.
 * It answers 200 whatever happens, and says in `errcode` whether it has taken the message.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { fitted } from '../domain/notice/message.ts';
import { byHttp, originOf, type ChannelKind } from './channel-kind.ts';
import { more } from './more.ts';
import { errcodeRefusal } from './errcode.ts';
import { secret, url } from './shapes.ts';

const shape = z.strictObject({
  kind: z.literal('dingtalk'),
  url: url.describe('https://oapi.dingtalk.com/robot/send?access_token=…'),
  secret: secret.optional().describe('SEC…, of a robot that wants signatures'),
});
type DingTalk = z.infer<typeof shape>;
/** DingTalk takes 20,000. */
const BYTES_MAX = 18_000;

export const dingtalk: ChannelKind<typeof shape> = {
  shape,
  shown: (endpoint) => ({ to: originOf(endpoint.url), isSigned: endpoint.secret !== undefined }),
  tell: byHttp<DingTalk>({
    request: (endpoint, { title, text }, { lang, nowMs }) => ({
      method: 'POST',
      url: signedUrl(endpoint, nowMs),
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({
        msgtype: 'text',
        text: { content: `${title}\n${fitted(text, BYTES_MAX, more(lang))}` },
        at: { isAtAll: false },
      }),
    }),
    refusalOf: (answer) => errcodeRefusal(answer, 'errcode', 'errmsg'),
  }),
};

function signedUrl({ url: text, secret: key }: DingTalk, nowMs: number): string {
  if (key === undefined) return text;
  const signed = new URL(text);
  const sign = createHmac('sha256', key).update(`${nowMs}\n${key}`).digest('base64');
  signed.searchParams.set('timestamp', String(nowMs));
  signed.searchParams.set('sign', sign);
  return signed.href;
}
