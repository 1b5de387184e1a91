/** What the fleet over links is made of. */
import type { EnrolmentContext } from '../app/enrolment.ts';
import type { Clock } from '../base/clock.ts';
import type { ServerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ScoreWeights } from '../domain/placement/plugins.ts';
import type { LinkListener } from '../link/link.ts';
import type { MasterKey } from '../pki/sealer.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { Store } from '../store/contract/store.ts';
import type { SshDesk } from './worker-desk.ts';

export interface LinkFleetOptions {
  readonly serverId: ServerId;
  readonly listener: LinkListener<WorkerToServerFrame, ServerToWorkerFrame>;
  readonly store: Store;
  readonly enrolment: EnrolmentContext;
  readonly ssh: SshDesk;
  readonly masterKey: MasterKey;
  readonly clock: Clock;
  readonly random: Random;
  /** By what a worker is chosen for a task without hosts; 1 each unless given. */
  readonly weights?: ScoreWeights;
  readonly log: Log;
}
