/**
 * The contract of durable state, composed of a file for each noun. `postgres/` implements it under the same names;
 * nothing outside `bin` and tests may know that.
 *
 * Rules of every implementation:
 *  - A state changes only if it still is what the caller thinks; rows that did not change are an answer, not an error.
 *  - A write made as owner of a partition carries a `Fence` and lands only while that term is current, atomically.
 *  - Sets go in one statement; rows are locked in key order.
 *  - A database that does not answer is `database-unavailable` (retryable); a broken invariant is a bug and throws.
 *  - Instants are milliseconds since the epoch, by the database's clock where the caller does not give one.
 */
import type { Clock } from '../../base/clock.ts';
import type { AccountStore } from './account.ts';
import type { AgentStore } from './agent.ts';
import type { ApiTokenStore } from './api-token.ts';
import type { AuditStore } from './audit.ts';
import type { ChannelStore } from './channel.ts';
import type { ExecutionStore } from './execution.ts';
import type { FleetLookStore } from './fleet-look.ts';
import type { HintStore } from './hint.ts';
import type { HostAccessStore } from './host-access.ts';
import type { HostKeyStore } from './host-key.ts';
import type { HostStore } from './host.ts';
import type { IdempotencyStore } from './idempotency.ts';
import type { JobStore } from './job.ts';
import type { JoinTokenStore } from './join-token.ts';
import type { LeaseStore } from './lease.ts';
import type { OutputValueStore } from './output-value.ts';
import type { NoticeStore } from './notice.ts';
import type { OutputStore } from './output.ts';
import type { OwnerCommitStore } from './owner-commit.ts';
import type { RunStore } from './run.ts';
import type { SecretStore } from './secret.ts';
import type { TimelineStore } from './timeline.ts';
import type { TwinStore } from './twin.ts';
import type { UpgradeStore } from './upgrade.ts';
import type { WorkerStore } from './worker.ts';

export interface Store
  extends AuditStore,
    RunStore,
    TimelineStore,
    ExecutionStore,
    OutputStore,
    OutputValueStore,
    OwnerCommitStore,
    LeaseStore,
    NoticeStore,
    HostStore,
    TwinStore,
    HostAccessStore,
    HostKeyStore,
    AgentStore,
    WorkerStore,
    FleetLookStore,
    JoinTokenStore,
    ApiTokenStore,
    IdempotencyStore,
    AccountStore,
    ChannelStore,
    SecretStore,
    JobStore,
    UpgradeStore,
    HintStore {
  /** The clock that all servers share: deadlines that outlive a server, and instants that another one reads, are of this one. */
  clock(): Clock;
  /** Daily partitions ahead, expired ones dropped, idempotency keys and hints cleaned. Idempotent; any server may run it. */
  maintain(options: { runsKeptMs: number; aheadDays: number }): Promise<{ created: number; dropped: number }>;
  /** For readiness: answers within two seconds or throws `database-unavailable`. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
