/** Shapes of channels in the API. Where one leads goes in and never comes out. */
import { z } from 'zod';
import { limits } from '../../base/limits.ts';
import { EndpointShape } from '../../channels/kinds.ts';
import { plainNameFault } from '../../domain/access/name-rule.ts';
import { noticeLimits } from '../../base/notice-limits.ts';
import { LANGS } from '../../domain/notice/message.ts';
import { checked } from '../../shape/checked.ts';
import { duration } from '../../shape/run-fields.ts';
import { instant } from './fields.ts';

const fields = {
  name: checked(limits.nameLengthMax, plainNameFault).describe(
    'Letters a-z and A-Z, digits and . _ - : @, and nothing that could be an id',
  ),
  lang: z.enum(LANGS).describe('The language of what is said there'),
  perMinute: z
    .int()
    .min(1)
    .max(noticeLimits.channelPerMinuteMax)
    .describe('Messages in a minute at most, tries counted; where more are due, they become one'),
  window: duration(noticeLimits.channelWindowMsMax).describe(
    'After a message, notices of the same job or command wait so long for company',
  ),
  endpoint: EndpointShape.describe('Where it leads, whole, with what is secret of it'),
};

export const ChannelCreate = z

  .strictObject({
    ...fields,
    lang: fields.lang.default('en'),
    perMinute: fields.perMinute.default(20),
    window: fields.window.default('1m'),
  })
  .meta({ id: 'ChannelCreate' });
export const ChannelChange = z
  .strictObject(fields)
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'nothing to change')
  .meta({ id: 'ChannelChange' });

export const Channel = z
  .object({
    id: z.uuid(),
    name: z.string(),
    kind: z.string(),
    lang: z.enum(LANGS),
    perMinute: z.int(),
    windowMs: z.int(),
    leads: z.record(z.string(), z.unknown()).describe('What of where it leads is no secret'),
    version: z.int(),
    createdAt: instant,
    changedAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'Channel' });

export const ChannelTested = z
  .object({
    channel: z.string(),
    message: z.uuid().describe('The id that the message was sent with'),
    taken: z.boolean(),
    answer: z.string().optional().describe('What the far end said: its status and the beginning of its text'),
    code: z.string().optional().describe('Error code, where it was not taken'),
    detail: z.string().optional(),
  })
  .meta({ id: 'ChannelTested' });
