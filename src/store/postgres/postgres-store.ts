/**
 * The store on PostgreSQL: one pool for callers, one for what the server owns, one for its fleet, one connection for
 * hints, the nouns' files behind the contract.
 */
import type { Clock } from '../../base/clock.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { SecretStore } from '../contract/secret.ts';
import type { Store } from '../contract/store.ts';
import { accountStore } from './account.ts';
import { agentStore } from './agent/agent-store.ts';
import { apiTokenStore } from './api-token.ts';
import { auditStore } from './audit/audit-store.ts';
import { channelStore } from './channel.ts';
import { DatabaseClock } from './database-clock.ts';
import { executionStore } from './execution/execution.ts';
import { fleetLookStore } from './fleet-look.ts';
import { Hints } from './hint.ts';
import { hostAccessStore } from './host-access.ts';
import { hostKeyStore } from './host-key.ts';
import { hostStore } from './host.ts';
import { idempotencyStore } from './idempotency.ts';
import { jobStore } from './job.ts';
import { joinTokenStore } from './join-token.ts';
import { leaseStore } from './lease/lease.ts';
import { maintain } from './maintenance.ts';
import { migrate } from './migrate.ts';
import { outputValueStore } from './output-value.ts';
import { noticeStore } from './notice/notice-store.ts';
import { outputStore } from './output.ts';
import { ownerCommitStore } from './owner-commit/owner-commit-store.ts';
import { Pool } from './pool.ts';
import { runStore } from './run/run-store.ts';
import { secretStore } from './secret.ts';
import type { StoreParts } from './store-parts.ts';
import { timelineStore } from './timeline.ts';
import { twinStore } from './twin.ts';
import { upgradeStore } from './upgrade.ts';
import { workerStore } from './worker.ts';

export interface PostgresStoreOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly poolMax?: number;
  /** Told of each write that PostgreSQL refused for want of space. */
  readonly onFull?: () => void;
  /** The key that the audit is chained under: asked for once, when the tables are there. It may be kept among the sealed secrets. */
  readonly auditKey: (secrets: Pick<SecretStore, 'secretPut' | 'secretFetch'>) => Promise<Uint8Array>;
}

/**
 * `forFleet`: the same over connections of its own, for what this server asks in the name of its workers and agents: no
 * caller is in its way.
 */
export type PostgresStore = Store & { readonly forFleet: Store };

/** Connects, migrates and makes the coming days' partitions before it answers. */
export async function createPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { clock, log, url } = options;
  const onFull = options.onFull ?? (() => undefined);
  const pool = new Pool({ url, log, onFull, ...given({ max: options.poolMax }) });
  const secrets = secretStore({ pool });
  // What callers ask for never keeps what this server owns from being written, nor its partitions and hints.
  const ownPool = new Pool({
    url,
    log,
    onFull,
    max: Math.min(limits.ownerConnectionsMax, options.poolMax ?? Infinity),
  });
  const fleetPool = new Pool({
    url,
    log,
    onFull,
    max: Math.min(limits.fleetConnectionsMax, options.poolMax ?? Infinity),
  });
  const pools = [pool, ownPool, fleetPool];
  const databaseClock = new DatabaseClock(clock, ownPool);
  try {
    await migrate(pool);
    const auditKey = await options.auditKey(secrets);
    for (const each of pools) each.auditKey = auditKey;
    await databaseClock.start();
    await maintain(pool, { runsKeptMs: Number.MAX_SAFE_INTEGER / 2, aheadDays: 2 }, databaseClock.nowMs());
  } catch (error) {
    databaseClock.stop();
    await Promise.allSettled(pools.map((each) => each.close()));
    throw error;
  }
  const hints = new Hints({ pool: ownPool, url, clock, log });
  const shared = { ownPool, hints, clock: databaseClock, now: () => databaseClock.nowMs() };
  const close = async (): Promise<void> => {
    databaseClock.stop();
    await hints.close();
    await Promise.all(pools.map((each) => each.close()));
  };
  return {
    ...storeOf({ pool, ...shared }, close),
    forFleet: storeOf({ pool: fleetPool, ...shared }, close),
  };
}

/** Its operations noun by noun; callers' go over the connections of `pool`, and what an owner does over its own all the same. */
function storeOf(parts: StoreParts, close: () => Promise<void>): Store {
  const { ownPool, hints, clock, now } = parts;
  return {
    ...accountStore(parts),
    ...agentStore(parts),
    ...apiTokenStore(parts),
    ...auditStore(parts),
    ...channelStore(parts),
    ...executionStore(parts),
    ...fleetLookStore(parts),
    ...hostAccessStore(parts),
    ...hostKeyStore(parts),
    ...hostStore(parts),
    ...idempotencyStore(parts),
    ...jobStore(parts),
    ...joinTokenStore(parts),
    ...leaseStore(parts),
    ...noticeStore(parts),
    ...outputStore(parts),
    ...outputValueStore(parts),
    ...ownerCommitStore(parts),
    ...runStore(parts),
    ...secretStore(parts),
    ...timelineStore(parts),
    ...twinStore(parts),
    ...upgradeStore(parts),
    ...workerStore(parts),
    clock: () => clock,
    notify: (topic, payload) => hints.notify(topic, payload),
    listen: (topic, onHint, onGap) => hints.listen(topic, onHint, onGap),
    maintain: (what) => maintain(ownPool, what, now()),
    ping: async () => void (await ownPool.query({ name: 'ping', text: 'SELECT 1' })),
    close,
  };
}
