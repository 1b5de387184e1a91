/** What the owner of partitions is made of. */
import type { Sealer } from '../app/context.ts';
import type { Clock } from '../base/clock.ts';
import type { HostId, RunId, ServerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { ExecutionState } from '../domain/crew/execution-machine.ts';
import type { SshContact } from '../domain/crew/ssh-contact.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Store } from '../store/contract/store.ts';
import type { OrderSpecsOptions } from './order-specs.ts';

export interface RunOwnerOptions {
  readonly serverId: ServerId;
  readonly store: Store;
  readonly fleet: Fleet;
  readonly sealer: Sealer;
  /** The one that all servers share (`store.clock`): rounds were begun by any of them. */
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this server's lease may be believed right now. */
  readonly isLeaseTrusted: () => boolean;
  readonly lookMs?: number;
  /** For tests: how much is held of what executors are given. */
  readonly specs?: Pick<OrderSpecsOptions, 'ownBytesMax' | 'keptBytesMax'>;
  /** For tests: how late after its deadline a host is asked. */
  readonly guardMs?: number;
  /** After every commit that touched the run, here and now. */
  readonly onProgress?: (runId: RunId) => void;
  /** Whether somebody wants the output of the run: it is live from its first byte then. */
  readonly isWatched?: (runId: RunId) => boolean;
  readonly onCommitted?: (figures: {
    executions: number;
    durationMs: number;
    outcomes: readonly ExecutionState[];
  }) => void;
  /** What the end of an attempt says of the way to its host over SSH. */
  readonly onContact?: (hostId: HostId, contact: SshContact) => void;
  /** A fault of ours kept a run from being decided on. */
  readonly onUndecided?: () => void;
  /** A report of a run that the database does not know was let go. */
  readonly onUnknownReport?: () => void;
}
