/**
 * Feishu (and Lark), by the robot of a group, signed where the robot asks for it: HMAC-SHA256 under time and secret over
 * nothing, in the body. It answers 200 for most that goes wrong, and says in `code` whether it has taken the message.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { fitted } from '../domain/notice/message.ts';
import { byHttp, originOf, type ChannelKind } from './channel-kind.ts';
import { errcodeRefusal } from './errcode.ts';
import { more } from './more.ts';
import { callingNobody } from './calling-nobody.ts';
import { secret, url } from './shapes.ts';

const shape = z.strictObject({
  kind: z.literal('feishu'),
  url: url.describe('https://open.feishu.cn/open-apis/bot/v2/hook/…'),
  secret: secret.optional().describe('Of a robot that wants signatures'),
});
/** Feishu takes a request of 20 KiB, in which each sign may take six times its bytes. */
const BYTES_MAX = 3_000;

export const feishu: ChannelKind<typeof shape> = {
  shape,
  shown: (endpoint) => ({ to: originOf(endpoint.url), isSigned: endpoint.secret !== undefined }),
  tell: byHttp<z.infer<typeof shape>>({
    request(endpoint, { title, text }, { lang, nowMs }) {
      const timestamp = String(Math.floor(nowMs / 1_000));
      return {
        method: 'POST',
        url: endpoint.url,
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify({
          ...signed(endpoint.secret, timestamp),
          msg_type: 'text',
          content: { text: callingNobody(`${title}\n${fitted(text, BYTES_MAX, more(lang))}`) },
        }),
      };
    },
    refusalOf: (answer) => errcodeRefusal(answer, 'code', 'msg'),
  }),
};

function signed(key: string | undefined, timestamp: string): { readonly timestamp?: string; readonly sign?: string } {
  if (key === undefined) return {};
  return { timestamp, sign: createHmac('sha256', `${timestamp}\n${key}`).digest('base64') };
}
