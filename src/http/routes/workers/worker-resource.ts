/** A worker as the API shows it. */
import type { z } from 'zod';
import type { SeenWorker } from '../../../app/worker.ts';
import type { LaneFigures } from '../../../protocol/link/worker-v1.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import { given } from '../fields.ts';

export function workerResource({ worker, live }: SeenWorker): z.infer<typeof resources.Worker> {
  return {
    id: worker.id,
    name: worker.name,
    zone: worker.zone,
    agentAddress: worker.agentAddress,
    linked: live !== undefined || worker.linked,
    drained: worker.drained,
    ...given('revokedAt', worker.revokedAtMs === undefined ? undefined : new Date(worker.revokedAtMs).toISOString()),
    ...given('version', worker.version),
    joinedAt: new Date(worker.joinedAtMs).toISOString(),
    ...(live ? { agents: live.agents, queued: live.queued, rssBytes: live.rssBytes, lagMs: live.lagMs } : {}),
    ...given('figuresAt', live?.heardAtMs === undefined ? undefined : new Date(live.heardAtMs).toISOString()),
    ...given('lanes', live?.lanes && { agent: laneResource(live.lanes.agent), ssh: laneResource(live.lanes.ssh) }),
  };
}

function laneResource({
  underWay,
  capacity,
  queues,
}: LaneFigures): NonNullable<z.infer<typeof resources.Worker>['lanes']>['agent'] {
  const of = ({ length, oldestMs }: LaneFigures['queues']['high']): { length: number; oldestMs: number } => ({
    length,
    oldestMs,
  });
  return { underWay, capacity, high: of(queues.high), normal: of(queues.normal), low: of(queues.low) };
}
