/** Packages of the agent, and upgrades to them. */
import { z } from 'zod';
import { agentInstall, agentUninstall } from '../app/agent-install.ts';
import type { CheckedPackages } from '../app/agent-packages.ts';
import { upgradeStart } from '../app/upgrade-start.ts';
import { parseDurationMs } from '../base/duration.ts';
import { DroverError } from '../base/errors.ts';
import { roleAllows } from '../domain/access/permission.ts';
import { limits } from '../base/limits.ts';
import * as r from '../protocol/rest/upgrade.ts';
import { pageOf, Run } from '../protocol/rest/resources.ts';
import type { AgentUpgradeRecord, UpgradeRecord } from '../store/contract/upgrade.ts';
import { runResource } from './convert.ts';
import { operation } from './operation.ts';
import { compact, page, replayRun } from './run-operations.ts';

const idParams = z.strictObject({ id: z.uuid() });

export const upgradeOperations = [
  operation({
    id: 'listAgentPackages',
    method: 'GET',
    path: '/agent-packages',
    summary: 'Versions of the agent that this server has, newest first, with what is wrong with them',
    permission: 'fleet.agent.view',
    status: 200,
    response: pageOf(r.AgentPackages),
    errors: [],
    handle: async ({ ctx }) => ({ items: (await ctx.packages.check()).map(packagesResource) }),
  }),
  operation({
    id: 'installAgents',
    method: 'POST',
    path: '/agents/install',
    summary: 'Install agents by a run of the installer',
    permission: 'fleet.agent.install',
    body: r.AgentInstall,
    status: 201,
    response: Run,
    errors: [
      'bad-input',
      'bad-target',
      'no-target-matched',
      'host-not-found',
      'host-is-twin',
      'package-not-found',
      'package-invalid',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, body }) =>
      runResource(
        await agentInstall(ctx, caller, { ...body, mayUseAccounts: roleAllows(caller.role, 'access.account.use') }),
      ),
    replay: replayRun,
  }),
  operation({
    id: 'uninstallAgents',
    method: 'POST',
    path: '/agents/uninstall',
    summary: 'Take agents off hosts by a run of the installer, over SSH',
    permission: 'fleet.agent.install',
    body: r.AgentUninstall,
    status: 201,
    response: Run,
    errors: [
      'bad-input',
      'bad-target',
      'no-target-matched',
      'host-not-found',
      'host-is-twin',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, body }) =>
      runResource(
        await agentUninstall(ctx, caller, { ...body, mayUseAccounts: roleAllows(caller.role, 'access.account.use') }),
      ),
    replay: replayRun,
  }),
  operation({
    id: 'createUpgrade',
    method: 'POST',
    path: '/upgrades',
    summary: 'Upgrade agents, batch by batch',
    permission: 'fleet.agent.upgrade',
    body: r.UpgradeCreate,
    status: 201,
    response: r.Upgrade,
    errors: [
      'bad-input',
      'bad-target',
      'no-target-matched',
      'host-not-found',
      'host-is-twin',
      'package-not-found',
      'package-invalid',
      'upgrade-in-progress',
    ],
    handle: async ({ ctx, caller, body }) =>
      upgradeResource(
        await upgradeStart(ctx, ctx.packages, caller, {
          ...body,
          waitMs: body.wait === undefined ? limits.upgradeWaitMsDefault : parseDurationMs(body.wait)!,
        }),
      ),
  }),
  operation({
    id: 'listUpgrades',
    method: 'GET',
    path: '/upgrades',
    summary: 'List upgrades, newest first',
    permission: 'fleet.agent.view',
    query: z.strictObject(page),
    status: 200,
    response: pageOf(r.Upgrade),
    errors: ['bad-input'],
    async handle({ ctx, query }) {
      const { items, next } = await ctx.store.upgradeList(compact({ limit: query.limit, cursor: query.cursor }));
      return compact({ items: items.map(upgradeResource), next });
    },
  }),
  operation({
    id: 'getUpgrade',
    method: 'GET',
    path: '/upgrades/{id}',
    summary: 'Show an upgrade',
    permission: 'fleet.agent.view',
    params: idParams,
    status: 200,
    response: r.Upgrade,
    errors: ['not-found'],
    handle: async ({ ctx, params }) =>
      upgradeResource((await ctx.store.upgradeFetch(params.id)) ?? notFound(params.id)),
  }),
  operation({
    id: 'listUpgradeAgents',
    method: 'GET',
    path: '/upgrades/{id}/agents',
    summary: 'How each agent of an upgrade stands',
    permission: 'fleet.agent.view',
    params: idParams,
    query: z.strictObject(page),
    status: 200,
    response: pageOf(r.AgentUpgrade),
    errors: ['not-found', 'bad-input'],
    async handle({ ctx, params, query }) {
      if (!(await ctx.store.upgradeFetch(params.id))) notFound(params.id);
      const { items, next } = await ctx.store.agentUpgradeList(
        params.id,
        compact({ limit: query.limit, cursor: query.cursor }),
      );
      return compact({ items: items.map(agentUpgradeResource), next });
    },
  }),
  operation({
    id: 'cancelUpgrade',
    method: 'POST',
    path: '/upgrades/{id}/cancel',
    needsNoRoom: true,
    summary: 'Order no further batch; what is ordered ends',
    permission: 'fleet.agent.upgrade',
    params: idParams,
    status: 202,
    response: r.Upgrade,
    errors: ['not-found', 'upgrade-already-finished'],
    async handle({ ctx, caller, params }) {
      const answer = await ctx.store.upgradeCancelRequest(params.id, {
        actor: caller.actor,
        action: 'fleet.agent.upgrade-cancel',
        target: `upgrade/${params.id}`,
        detail: {},
        requestId: caller.requestId,
      });
      if (answer === 'not-found') notFound(params.id);
      if (answer === 'already-finished')
        throw new DroverError('upgrade-already-finished', { detail: 'The upgrade has ended already.' });
      return upgradeResource((await ctx.store.upgradeFetch(params.id))!);
    },
  }),
];

function packagesResource({ version, packages, problem }: CheckedPackages): z.infer<typeof r.AgentPackages> {
  return compact({
    version,
    problem,
    packages: packages.map(({ os, arch, size, sha256, file, fileSize, fileSha256, signature, problem: wrong }) =>
      compact({ os, arch, size, sha256, file, fileSize, fileSha256, signature, problem: wrong }),
    ),
  });
}

function notFound(id: string): never {
  throw new DroverError('not-found', { detail: `There is no upgrade ${id}.` });
}

function upgradeResource(upgrade: UpgradeRecord): z.infer<typeof r.Upgrade> {
  return compact({
    id: upgrade.id,
    version: upgrade.version,
    targets: upgrade.targets,
    createdBy: upgrade.createdBy.name,
    state: upgrade.state,
    batch: upgrade.batch,
    maxFailed: upgrade.maxFailed,
    waitMs: upgrade.waitMs,
    hostCount: upgrade.hostCount,
    counts: { ...upgrade.counts },
    createdAt: new Date(upgrade.createdAtMs).toISOString(),
    finishedAt: instant(upgrade.finishedAtMs),
    cancelRequestedAt: instant(upgrade.cancelRequestedAtMs),
  });
}

function agentUpgradeResource(agent: AgentUpgradeRecord): z.infer<typeof r.AgentUpgrade> {
  return compact({
    host: agent.hostName,
    hostId: agent.hostId,
    state: agent.state,
    fromVersion: agent.fromVersion,
    progress: agent.progress,
    code: agent.code,
    detail: agent.detail,
    orderedAt: instant(agent.orderedAtMs),
    finishedAt: instant(agent.finishedAtMs),
  });
}

function instant(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
