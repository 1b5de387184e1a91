/** Why an execution of a host that waits does so, by what is known of the ways to it now. Nothing of it is stored. */
import type { HostId } from '../base/ids.ts';
import type { Via } from '../domain/placement/placement.ts';
import type { Fleet } from '../fleet/fleet.ts';

export type WaysToHosts = Pick<Fleet, 'locate' | 'takesWork' | 'sshObstacle' | 'hasWorker' | 'hasCopies'>;

/** In words, without a full stop. `isPaused`: nothing more of its run starts until somebody lets it go on. */
export function hostWaitsBecause(hostId: HostId, via: Via, isPaused: boolean, fleet: WaysToHosts): string {
  const ssh = via === 'agent' ? undefined : fleet.sshObstacle(hostId);
  const agent = via === 'ssh' ? undefined : fleet.locate(hostId);
  const isReached = (via !== 'agent' && ssh === undefined) || (agent && fleet.takesWork(agent.workerId));
  if (isReached) return isPaused ? 'the run is paused' : 'it waits for its turn';
  if (agent || ssh === 'drained') return 'its worker is being drained and takes no new work (drover workers list)';
  if (ssh === 'no-worker' || !fleet.hasWorker(hostId)) return 'no worker of its zone is linked (drover workers list)';
  if (via === 'ssh') return 'it has no address for SSH (drover hosts edit HOST --address ADDRESS)';
  if (fleet.hasCopies(hostId)) return 'two starts of its agent have shown themselves (drover agents show HOST)';
  return `its agent is not linked${via === 'auto' ? ', and it has no address for SSH' : ''}`;
}
