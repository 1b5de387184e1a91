/** Channels, by which people are told. */
import { z } from 'zod';
import {
  channelChange,
  channelCreate,
  channelList,
  channelRemove,
  channelShow,
  channelTest,
} from '../../../app/channel.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import { portLimits } from '../../../base/port-limits.ts';
import * as r from '../../../protocol/rest/channel-resources.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { idOrName } from '../params.ts';
import { channelResource } from './channel-resource.ts';

const channelParams = z.strictObject({ channel: idOrName });

export const channelRoutes = [
  operation({
    id: 'listChannels',
    method: 'GET',
    path: '/channels',
    summary: 'List channels by name',
    permission: 'notice.channel.view',
    status: 200,
    response: pageOf(r.Channel),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await channelList(ctx, caller)).map(channelResource) }),
  }),
  operation({
    id: 'createChannel',
    method: 'POST',
    path: '/channels',
    summary: 'Make a channel; where it leads is sealed, and never shown again',
    permission: 'notice.channel.edit',
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.ChannelCreate,
    status: 201,
    response: r.Channel,
    errors: ['bad-input', 'bad-duration', 'channel-name-taken', 'too-many-channels'],
    handle: async ({ ctx, caller, body: { window, ...body } }) =>
      channelResource(await channelCreate(ctx, caller, { ...body, windowMs: parseDurationMs(window)! })),
  }),
  operation({
    id: 'getChannel',
    method: 'GET',
    path: '/channels/{channel}',
    summary: 'Show a channel',
    permission: 'notice.channel.view',
    params: channelParams,
    status: 200,
    response: r.Channel,
    errors: ['channel-not-found'],
    handle: async ({ ctx, caller, params }) => channelResource(await channelShow(ctx, caller, params.channel)),
  }),
  operation({
    id: 'changeChannel',
    method: 'PATCH',
    path: '/channels/{channel}',
    summary: 'Change a channel; what is not given stays',
    permission: 'notice.channel.edit',
    params: channelParams,
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.ChannelChange,
    status: 200,
    response: r.Channel,
    errors: [
      'bad-input',
      'bad-duration',
      'channel-not-found',
      'channel-name-taken',
      'channel-changed',
      'channel-in-use',
    ],
    handle: async ({ ctx, caller, params, body: { window, ...body } }) =>
      channelResource(
        await channelChange(ctx, caller, params.channel, {
          ...body,
          ...given({ windowMs: window === undefined ? undefined : parseDurationMs(window)! }),
        }),
      ),
  }),
  operation({
    id: 'removeChannel',
    method: 'DELETE',
    path: '/channels/{channel}',
    summary:
      'Remove a channel: nobody is told by it any more; refused while rules or published jobs name it, unless forced',
    permission: 'notice.channel.remove',
    params: channelParams,
    query: z.strictObject({ force: z.enum(['true', 'false']).default('false') }),
    status: 204,
    errors: ['channel-not-found', 'channel-in-use'],
    handle: ({ ctx, caller, params, query }) => channelRemove(ctx, caller, params.channel, query.force === 'true'),
  }),
  operation({
    id: 'testChannel',
    method: 'POST',
    path: '/channels/{channel}/test',
    summary: 'Send one message by a channel now, and tell what the far end said',
    permission: 'notice.channel.test',
    params: channelParams,
    needsNoRoom: true,
    isLong: true,
    status: 200,
    response: r.ChannelTested,
    errors: ['channel-not-found', 'channel-busy', 'secret-unreadable'],
    async handle({ ctx, caller, params }) {
      const { id, told } = await channelTest(ctx, caller, params.channel);
      const { answer } = told;
      return told.kind === 'taken'
        ? { channel: params.channel, message: id, taken: true, ...given({ answer }) }
        : {
            channel: params.channel,
            message: id,
            taken: false,
            code: told.code,
            detail: told.detail,
            ...given({ answer }),
          };
    },
  }),
];
