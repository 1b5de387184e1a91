/**
 * A webhook: the message as JSON, signed as the Standard Webhooks specification says (standardwebhooks.com), which
 * libraries of most languages check: HMAC-SHA256 over `id.timestamp.body`. The id is that of the message, and is the
 * same however often it is tried.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { given } from '../base/given.ts';
import { byHttp, originOf, type ChannelKind } from './channel-kind.ts';
import { authorities, secret, url } from './shapes.ts';

const shape = z.strictObject({
  kind: z.literal('webhook'),
  url,
  secret: secret.describe('Shared with the receiver, who checks by it that it is us: whsec_ and Base64, or any text'),
  authorities,
});
type Webhook = z.infer<typeof shape>;

export const webhook: ChannelKind<typeof shape> = {
  shape,
  shown: (endpoint) => ({ to: originOf(endpoint.url), ...given({ hasAuthorities: endpoint.authorities && true }) }),
  tell: byHttp<Webhook>({
    request(endpoint, { id, atMs, title, text, body }, { nowMs }) {
      const content = JSON.stringify({ id, at: new Date(atMs).toISOString(), title, text, ...body });
      const timestamp = String(Math.floor(nowMs / 1_000));
      return {
        method: 'POST',
        url: endpoint.url,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature(endpoint.secret, id, timestamp, content)}`,
        },
        body: content,
        ...given({ authorities: endpoint.authorities }),
      };
    },
    refusalOf: () => undefined,
  }),
};

/** In Base64. */
function signature(secretText: string, id: string, timestamp: string, content: string): string {
  return createHmac('sha256', keyOf(secretText)).update(`${id}.${timestamp}.${content}`).digest('base64');
}

function keyOf(secretText: string): Buffer {
  const bytes = Buffer.from(secretText.replace(/^whsec_/, ''), 'base64');
  return secretText.startsWith('whsec_') && bytes.length > 0 ? bytes : Buffer.from(secretText);
}
