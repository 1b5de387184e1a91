/** Hosts: listed, shown, labelled, removed. */
import { z } from 'zod';
import { given } from '../../../base/given.ts';
import { hostList, hostRemove, hostShow } from '../../../app/host.ts';
import { accountNamesOf } from '../../../app/host-access.ts';
import { hostLabel } from '../../../app/host-label.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { hostParams, oneHost } from './host-params.ts';
import { hostResource } from './host-resource.ts';

export const hostRoutes = [
  operation({
    id: 'listHosts',
    method: 'GET',
    path: '/hosts',
    summary: 'List hosts by name',
    permission: 'fleet.host.view',
    query: z.strictObject({
      ...page,
      linked: z.enum(['true', 'false']).optional(),
      twins: z.enum(['true', 'false']).optional().describe('Only hosts that are a twin of another, or none of them'),
    }),
    status: 200,
    response: r.pageOf(r.Host),
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const { items, next } = await hostList(
        ctx,
        caller,
        given({
          linked: query.linked === undefined ? undefined : query.linked === 'true',
          twins: query.twins === undefined ? undefined : query.twins === 'true',
        }),
        pageOfQuery(query),
      );
      const accounts = await accountNamesOf(ctx, items);
      return given({ items: items.map((host) => hostResource(host, accounts)), next });
    },
  }),
  operation({
    id: 'getHost',
    method: 'GET',
    path: '/hosts/{host}',
    summary: 'Show a host and its facts',
    permission: 'fleet.host.view',
    params: hostParams,
    status: 200,
    response: r.Host,
    errors: ['host-not-found'],
    handle: async ({ ctx, caller, params }) => oneHost(ctx, await hostShow(ctx, caller, params.host)),
  }),
  operation({
    id: 'labelHost',
    method: 'PATCH',
    path: '/hosts/{host}/labels',
    summary: 'Set and remove labels',
    permission: 'fleet.host.edit',
    params: hostParams,
    body: r.HostLabel,
    status: 200,
    response: r.Host,
    errors: ['host-not-found', 'bad-input', 'label-protected'],
    handle: async ({ ctx, caller, params, body }) => oneHost(ctx, await hostLabel(ctx, caller, params.host, body)),
  }),
  operation({
    id: 'removeHost',
    method: 'DELETE',
    path: '/hosts/{host}',
    summary: 'Remove a host and revoke its agent',
    permission: 'fleet.host.remove',
    params: hostParams,
    status: 204,
    errors: ['host-not-found', 'host-in-use', 'host-is-jump-host'],
    handle: ({ ctx, caller, params }) => hostRemove(ctx, caller, params.host),
  }),
];
