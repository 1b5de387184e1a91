/** A worker as the API shows it. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type { SeenWorker } from '../../../app/worker.ts';
import type { LaneFigures } from '../../../protocol/link/worker-v1.ts';
import type * as resources from '../../../protocol/rest/worker-resources.ts';
import { instant } from '../instant.ts';

export function workerResource({ worker, live }: SeenWorker): z.infer<typeof resources.Worker> {
  return {
    id: worker.id,
    name: worker.name,
    zone: worker.zone,
    labels: worker.labels,
    agentAddress: worker.agentAddress,
    linked: live !== undefined || worker.linked,
    drained: worker.drained,
    ...given({
      revokedAt: instant(worker.revokedAtMs),
      version: worker.version,
      copy: worker.copy && {
        instance: worker.copy.instance,
        since: instant(worker.copy.sinceMs),
        seenAt: instant(worker.copy.seenAtMs),
      },
    }),
    joinedAt: instant(worker.joinedAtMs),
    ...given({
      agents: live?.agents,
      queued: live?.queued,
      rssBytes: live?.rssBytes,
      lagMs: live?.lagMs,
      figuresAt: instant(live?.heardAtMs),
      resources: live?.resources,
      lanes: live?.lanes && {
        agent: laneResource(live.lanes.agent),
        ssh: laneResource(live.lanes.ssh),
        ...given({
          process: live.lanes.process.capacity > 0 ? laneResource(live.lanes.process) : undefined,
          calls: live.lanes.calls && live.lanes.calls.capacity > 0 ? laneResource(live.lanes.calls) : undefined,
        }),
      },
    }),
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
