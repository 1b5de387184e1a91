/** Every kind of channel, by name. */
import { z } from 'zod';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { Message } from '../domain/notice/message.ts';
import type { Outbound } from '../outbound/outbound.ts';
import { oneLine, type ChannelKind, type Telling, type Told } from './channel-kind.ts';
import { dingtalk } from './dingtalk.ts';
import { feishu } from './feishu.ts';
import { mail } from './mail.ts';
import { slack } from './slack.ts';
import { webhook } from './webhook.ts';
import { wecom } from './wecom.ts';

const kinds = { webhook, mail, slack, dingtalk, wecom, feishu } as const;
type ChannelKindName = keyof typeof kinds;

type Shape = (typeof kinds)[ChannelKindName]['shape'];
/** Where a channel leads, with its secrets. */
export const EndpointShape = z
  .discriminatedUnion('kind', Object.values(kinds).map(({ shape }) => shape) as [Shape, ...Shape[]])
  .meta({ id: 'ChannelEndpoint' });
export type Endpoint = z.infer<typeof EndpointShape>;

export function endpointShown(endpoint: Endpoint): Readonly<Record<string, unknown>> {
  return kindOf(endpoint).shown(endpoint);
}

/** Says it once. What goes wrong on the way is an answer too, so that it can be kept. */
export async function endpointTell(
  outbound: Outbound,
  endpoint: Endpoint,
  message: Message,
  how: Telling,
): Promise<Told> {
  try {
    return inLines(await kindOf(endpoint).tell(outbound, endpoint, message, how));
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return inLines({ kind: 'failed', code: error.code, detail: error.message });
  }
}

/** Whatever a far end had a part in is bounded, and holds nothing that a database or a terminal minds. */
function inLines(told: Told): Told {
  if (told.kind === 'taken') return { ...told, answer: oneLine(told.answer) };
  const { answer, detail } = told;
  return { ...told, detail: oneLine(detail), ...given({ answer: answer === undefined ? undefined : oneLine(answer) }) };
}

function kindOf({ kind }: Endpoint): ChannelKind<z.ZodObject> {
  return kinds[kind] as ChannelKind<z.ZodObject>;
}
