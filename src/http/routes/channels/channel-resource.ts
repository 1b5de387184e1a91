/** A channel as the API shows it: made field by field, so that nothing sealed or secret slips into an answer. */
import type { z } from 'zod';
import type * as r from '../../../protocol/rest/channel-resources.ts';
import type { ChannelRecord } from '../../../store/contract/channel.ts';
import { instant } from '../instant.ts';

export function channelResource(channel: ChannelRecord): z.infer<typeof r.Channel> {
  return {
    id: channel.id,
    name: channel.name,
    kind: channel.kind,
    lang: channel.lang,
    perMinute: channel.perMinute,
    windowMs: channel.windowMs,
    leads: { ...channel.shown },
    version: channel.version,
    createdAt: instant(channel.createdAtMs),
    changedAt: instant(channel.changedAtMs),
    createdBy: channel.createdBy.name,
  };
}
