/** Upgrades of agents. */
import { portLimits } from '../../../base/port-limits.ts';
import { z } from 'zod';
import { agentUpgradeList, upgradeCancel, upgradeList, upgradeShow } from '../../../app/upgrade.ts';
import { upgradeStart } from '../../../app/upgrade-start.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import { pageOf } from '../../../protocol/rest/resources.ts';
import * as r from '../../../protocol/rest/upgrade.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { idParams } from '../params.ts';
import { agentUpgradeResource, upgradeResource } from './upgrade-resource.ts';

export const upgradeRoutes = [
  operation({
    id: 'createUpgrade',
    method: 'POST',
    path: '/upgrades',
    summary: 'Upgrade agents, batch by batch',
    permission: 'fleet.agent.upgrade',
    bodyBytesMax: portLimits.wideBodyBytesMax,
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
        await upgradeStart(ctx, caller, {
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
    async handle({ ctx, caller, query }) {
      const { items, next } = await upgradeList(ctx, caller, pageOfQuery(query));
      return given({ items: items.map(upgradeResource), next });
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
    handle: async ({ ctx, caller, params }) => upgradeResource(await upgradeShow(ctx, caller, params.id)),
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
    async handle({ ctx, caller, params, query }) {
      const { items, next } = await agentUpgradeList(ctx, caller, params.id, pageOfQuery(query));
      return given({ items: items.map(agentUpgradeResource), next });
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
    handle: async ({ ctx, caller, params }) => upgradeResource(await upgradeCancel(ctx, caller, params.id)),
  }),
];
