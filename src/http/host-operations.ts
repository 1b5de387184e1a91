/** Hosts as people add, import and change them, and the keys that they are known by. */
import { z } from 'zod';
import { limits } from '../base/limits.ts';
import { accountNamesOf, hostAdd, hostEdit, hostsImport } from '../app/host-access.ts';
import { hostKeyAccept, hostKeyFingerprint, hostKeyRemove, hostKeysImport, hostKeysList } from '../app/host-key.ts';
import { twinAccept, twinReplace } from '../app/host-twin.ts';
import { hostTest } from '../app/host-test.ts';
import * as r from '../protocol/rest/host-resources.ts';
import { Host, pageOf } from '../protocol/rest/resources.ts';
import type { HostRecord } from '../store/contract/host.ts';
import type { HostKeyRecord } from '../store/contract/host-key.ts';
import { hostResource } from './convert.ts';
import { operation, type ApiContext } from './operation.ts';

const hostParams = z.strictObject({ host: z.string().max(200).describe('Id or name') });
const keyParams = hostParams.extend({
  fingerprint: z.string().max(200).describe('As listed, or a beginning of it that fits one key only'),
});
const settingErrors = [
  'bad-input',
  'host-name-taken',
  'host-not-found',
  'account-not-found',
  'jump-path-invalid',
  'label-protected',
] as const;

async function oneHost(ctx: ApiContext, host: HostRecord): Promise<z.infer<typeof Host>> {
  return hostResource(host, await accountNamesOf(ctx, [host]));
}

function hostKeyResource(key: HostKeyRecord): z.infer<typeof r.HostKey> {
  return {
    fingerprint: hostKeyFingerprint(key.key),
    algorithm: key.algorithm,
    key: Buffer.from(key.key).toString('base64'),
    state: key.state,
    origin: key.origin,
    firstSeenAt: new Date(key.firstSeenAtMs).toISOString(),
    changedAt: new Date(key.changedAtMs).toISOString(),
    changedBy: key.changedBy,
  };
}

export const hostOperations = [
  operation({
    id: 'testHost',
    isLong: true,
    needsNoRoom: true,
    method: 'POST',
    path: '/hosts/{host}/test',
    summary: 'Try the way to a host over SSH, step by step',
    permission: 'fleet.host.test',
    params: hostParams,
    body: r.HostTest,
    status: 200,
    response: r.HostTested,
    errors: [
      'host-not-found',
      'host-without-address',
      'account-not-found',
      'account-out-of-scope',
      'account-missing',
      'account-ambiguous',
      'zone-without-worker',
    ],
    async handle({ ctx, caller, params: { host }, body }) {
      const steps = await hostTest(ctx, caller, host, body.account);
      return { reachable: !steps.some(({ result }) => result === 'failed'), steps: steps.map((step) => ({ ...step })) };
    },
  }),
  operation({
    id: 'createHost',
    method: 'POST',
    path: '/hosts',
    summary: 'Add a host that is reached over SSH',
    permission: 'fleet.host.create',
    body: r.HostCreate,
    status: 201,
    response: Host,
    errors: [...settingErrors],
    handle: async ({ ctx, caller, body }) => oneHost(ctx, await hostAdd(ctx, caller, body)),
  }),
  operation({
    id: 'importHosts',
    method: 'POST',
    path: '/hosts/import',
    summary: 'Add and change many hosts, all or none; what is not given of a host that exists stays',
    permission: 'fleet.host.import',
    body: r.HostImport,
    bulk: { key: 'hosts', entriesMax: limits.hostsPerImportMax },
    status: 200,
    response: r.HostImported,
    errors: [...settingErrors, 'body-too-large'],
    async handle({ ctx, caller, body }) {
      const hosts = await hostsImport(ctx, caller, body.hosts, body.dryRun);
      const count = (action: string): number => hosts.filter((host) => host.action === action).length;
      return {
        dryRun: body.dryRun,
        created: count('created'),
        updated: count('updated'),
        unchanged: count('unchanged'),
        hosts,
      };
    },
  }),
  operation({
    id: 'editHost',
    method: 'PATCH',
    path: '/hosts/{host}',
    summary: 'Change how a host is reached, its account or its name; what is not given stays, null takes away',
    permission: 'fleet.host-access.edit',
    params: hostParams,
    body: r.HostEdit,
    status: 200,
    response: Host,
    errors: [...settingErrors, 'host-is-jump-host'],
    handle: async ({ ctx, caller, params, body }) => oneHost(ctx, await hostEdit(ctx, caller, params.host, body)),
  }),
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
    async handle({ ctx, caller, params }) {
      const { host, agentId } = await twinReplace(ctx, caller, params.host);
      if (agentId) ctx.fleet.revoke([agentId]);
      return oneHost(ctx, host);
    },
  }),
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
    handle: async ({ ctx, params }) => ({ items: (await hostKeysList(ctx, params.host)).map(hostKeyResource) }),
  }),
  operation({
    id: 'importHostKeys',
    method: 'POST',
    path: '/host-keys/import',
    summary: 'Take keys of hosts from elsewhere, all or none; they are believed from then on',
    permission: 'fleet.host-key.import',
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
