/**
 * The thread that renews a server's lease on its own connection, so that a busy main thread never loses it. Whether
 * that thread is alive is seen from its answer to each renewal; while the database is away there is none to tell of, so
 * it is asked, or it would look stuck.
 */
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import { systemClock } from '../../../base/clock.ts';
import { LEASE_RENEW } from './lease.ts';

export interface LeaseThreadData {
  url: string;
  serverId: string;
  leaseMs: number;
  renewMs: number;
  stuckMs: number;
}
export type LeaseThreadMessage = { kind: 'renewed'; sentAtNs: bigint } | { kind: 'lost' } | { kind: 'alive?' };

const { url, serverId, leaseMs, renewMs, stuckMs } = workerData as LeaseThreadData;
let client: pg.Client | undefined;
let mainAnsweredAt = systemClock.monotonicMs();
let isAsked = false;
parentPort!.on('message', () => {
  mainAnsweredAt = systemClock.monotonicMs();
  isAsked = false;
});

function tell(message: LeaseThreadMessage): void {
  parentPort!.postMessage(message);
}

async function renew(): Promise<void> {
  // hrtime is one clock for all threads of the process; the lease is trusted from BEFORE the renewal was sent.
  const sentAtNs = process.hrtime.bigint();
  if (client === undefined) {
    const opened = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 2_000,
      query_timeout: 2_000,
      application_name: 'drover-lease',
      keepAlive: true,
    });
    client = opened;
    opened.on('error', () => {
      if (client === opened) client = undefined;
    });
    await opened.connect();
  }
  const { rowCount } = await client.query({ name: 'lease-renew', text: LEASE_RENEW, values: [serverId, leaseMs] });
  tell(rowCount === 1 ? { kind: 'renewed', sentAtNs } : { kind: 'lost' });
}

async function tick(): Promise<void> {
  // A main thread that is stuck for good must not keep its partitions for ever.
  if (systemClock.monotonicMs() - mainAnsweredAt < stuckMs) {
    try {
      await renew();
    } catch {
      client?.end().catch(() => undefined);
      client = undefined;
      // One question at a time: a thread that does not answer must not find thousands of them when it does.
      if (!isAsked) tell({ kind: 'alive?' });
      isAsked = true;
    }
  }
  systemClock.after(renewMs, () => void tick());
}

void tick();
