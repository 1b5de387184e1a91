/** The keys that hosts are known by. */
import { z } from 'zod';
import {
  hostKeyAccept,
  hostKeyFingerprint,
  hostKeyRemove,
  hostKeysImport,
  hostKeysList,
} from '../../../app/host-key.ts';
import { limits } from '../../../base/limits.ts';
import * as r from '../../../protocol/rest/host-resources.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import type { HostKeyRecord } from '../../../store/contract/host-key.ts';
import { operation } from '../../operation.ts';
import { hostParams } from './host-params.ts';
import { instant } from '../instant.ts';

const keyParams = hostParams.extend({
  fingerprint: z.string().max(200).describe('As listed, or a beginning of it that fits one key only'),
});

function hostKeyResource(key: HostKeyRecord): z.infer<typeof r.HostKey> {
  return {
    fingerprint: hostKeyFingerprint(key.key),
    algorithm: key.algorithm,
    key: Buffer.from(key.key).toString('base64'),
    state: key.state,
    origin: key.origin,
    firstSeenAt: instant(key.firstSeenAtMs),
    changedAt: instant(key.changedAtMs),
    changedBy: key.changedBy,
  };
}

export const hostKeyRoutes = [
  operation({
    id: 'listHostKeys',
    method: 'GET',
    path: '/hosts/{host}/keys',
    summary: 'List the keys that a host is known by, and those that it offered since',
    permission: 'fleet.host-key.view',
    params: hostParams,
    status: 200,
    response: pageOf(r.HostKey),
    errors: ['host-not-found'],
    handle: async ({ ctx, caller, params }) => ({
      items: (await hostKeysList(ctx, caller, params.host)).map(hostKeyResource),
    }),
  }),
  operation({
    id: 'importHostKeys',
    method: 'POST',
    path: '/host-keys/import',
    summary: 'Take keys of hosts from elsewhere, all or none; they are believed from then on',
    permission: 'fleet.host-key.import',
    bodyBytesMax: limits.requestBodyBytesMax,
    body: r.HostKeyImport,
    bulk: { key: 'hosts', entriesMax: limits.pageSizeMax },
    status: 200,
    response: r.HostKeysImported,
    errors: ['bad-input', 'host-not-found', 'too-many-host-keys', 'body-too-large'],
    handle: ({ ctx, caller, body }) => hostKeysImport(ctx, caller, body.hosts),
  }),
  operation({
    id: 'acceptHostKey',
    method: 'POST',
    path: '/hosts/{host}/keys/{fingerprint}/accept',
    summary: 'Believe a key that a host offered; known keys of the same kind go',
    permission: 'fleet.host-key.accept',
    params: keyParams,
    status: 200,
    response: r.HostKey,
    errors: ['host-not-found', 'host-key-not-found'],
    handle: async ({ ctx, caller, params }) =>
      hostKeyResource(await hostKeyAccept(ctx, caller, params.host, params.fingerprint)),
  }),
  operation({
    id: 'removeHostKey',
    method: 'DELETE',
    path: '/hosts/{host}/keys/{fingerprint}',
    summary: 'Forget a key of a host',
    permission: 'fleet.host-key.remove',
    params: keyParams,
    status: 204,
    errors: ['host-not-found', 'host-key-not-found'],
    handle: ({ ctx, caller, params }) => hostKeyRemove(ctx, caller, params.host, params.fingerprint),
  }),
];
