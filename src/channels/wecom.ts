/**
 * WeCom, by the robot of a group: its URL is its secret. It answers 200 whatever happens, and says in `errcode` whether
 * it has taken the message.
 */
import { z } from 'zod';
import { fitted } from '../domain/notice/message.ts';
import { callingNobody } from './calling-nobody.ts';
import { byHttp, originOf, type ChannelKind } from './channel-kind.ts';
import { errcodeRefusal } from './errcode.ts';
import { more } from './more.ts';
import { url } from './shapes.ts';

const shape = z.strictObject({
  kind: z.literal('wecom'),
  url: url.describe('https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…'),
});
/** Of a text WeCom takes 2,048 in all. */
const BYTES_MAX = 2_048;

export const wecom: ChannelKind<typeof shape> = {
  shape,
  shown: (endpoint) => ({ to: originOf(endpoint.url) }),
  tell: byHttp<z.infer<typeof shape>>({
    request: (endpoint, { title, text }, { lang }) => ({
      method: 'POST',
      url: endpoint.url,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({
        msgtype: 'text',
        text: { content: fitted(callingNobody(`${title}\n${text}`), BYTES_MAX, more(lang)) },
      }),
    }),
    refusalOf: (answer) => errcodeRefusal(answer, 'errcode', 'errmsg'),
  }),
};
