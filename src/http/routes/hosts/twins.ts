/** Twins: hosts of which somebody decides whether they are machines of their own. */
import { twinAccept, twinReplace } from '../../../app/host-twin.ts';
import { Host } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { hostParams, oneHost } from './host-params.ts';

export const twinRoutes = [
  operation({
    id: 'acceptTwin',
    method: 'POST',
    path: '/hosts/{host}/twin/accept',
    summary: 'Take a twin as the machine of its own that it is: it gets work as any other host',
    permission: 'fleet.twin.decide',
    params: hostParams,
    status: 200,
    response: Host,
    errors: ['host-not-found', 'host-not-twin'],
    handle: async ({ ctx, caller, params }) => oneHost(ctx, await twinAccept(ctx, caller, params.host)),
  }),
  operation({
    id: 'replaceByTwin',
    method: 'POST',
    path: '/hosts/{host}/twin/replace',
    summary:
      'Let a twin take the place of the host that it is: with its name, labels, address and account; the former goes',
    permission: 'fleet.twin.decide',
    params: hostParams,
    status: 200,
    response: Host,
    errors: ['host-not-found', 'host-not-twin', 'host-in-use'],
    handle: async ({ ctx, caller, params }) => oneHost(ctx, await twinReplace(ctx, caller, params.host)),
  }),
];
