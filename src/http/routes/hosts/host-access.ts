/** How hosts are reached: added, imported, changed, tried. */
import type { z } from 'zod';
import { hostAdd, hostEdit, hostsImport } from '../../../app/host-access.ts';
import { hostTest } from '../../../app/host-test.ts';
import { limits } from '../../../base/limits.ts';
import * as r from '../../../protocol/rest/host-resources.ts';
import { Host } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { hostParams, oneHost } from './host-params.ts';

const settingErrors = [
  'bad-input',
  'host-name-taken',
  'host-not-found',
  'account-not-found',
  'jump-path-invalid',
  'label-protected',
] as const;

export const hostAccessRoutes = [
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
    asksOnly: ({ dryRun }: z.infer<typeof r.HostImport>) => dryRun,
    path: '/hosts/import',
    summary: 'Add and change many hosts, all or none; what is not given of a host that exists stays',
    permission: 'fleet.host.import',
    bodyBytesMax: limits.requestBodyBytesMax,
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
];
