/** Upgrades, and how each agent of one stands, as the API shows them. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type * as r from '../../../protocol/rest/upgrade.ts';
import type { AgentUpgradeRecord, UpgradeRecord } from '../../../store/contract/upgrade.ts';
import { instant } from '../instant.ts';

export function upgradeResource(upgrade: UpgradeRecord): z.infer<typeof r.Upgrade> {
  return given({
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
    createdAt: instant(upgrade.createdAtMs),
    finishedAt: instant(upgrade.finishedAtMs),
    cancelRequestedAt: instant(upgrade.cancelRequestedAtMs),
  });
}

export function agentUpgradeResource(agent: AgentUpgradeRecord): z.infer<typeof r.AgentUpgrade> {
  return given({
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
