/** What is settled of a rollout when its run is made: the order of its hosts, and that they are not more batches than may be. */
import type { InputFault } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import { jobLimits } from '../base/job-limits.ts';
import { batchEnds, batchesText } from '../domain/rollout/batches.ts';
import { inOrder, parseOrder } from '../domain/rollout/order.ts';
import type { Policy } from '../domain/run/policy.ts';
import type { HostDirectory } from './host-view.ts';

/** In the order in which its rollout comes to them. A random one is of the run, so that it can be told again. */
export function inOrderOf(hosts: HostDirectory['hosts'], { order }: Policy, id: RunId): HostDirectory['hosts'] {
  const parsed = order === undefined ? undefined : parseOrder(order);
  return parsed ? inOrder(hosts, parsed, Number.parseInt(id.slice(-8), 16)) : hosts;
}

export function batchesFault({ batches }: Policy, hostCount: number): InputFault | undefined {
  if (!batches || batchEnds(batches, hostCount)) return undefined;
  const detail = `${batchesText(batches)} are more than ${jobLimits.batchesMax} batches of ${hostCount} hosts: make them larger.`;
  return { pointer: '#/batches', code: 'too-many-batches', detail };
}
