/** The thread that renews a server's lease on its own connection, so that a busy main thread never loses it. */
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import { systemClock } from '../../base/clock.ts';
import { LEASE_RENEW } from './lease.ts';

export interface LeaseThreadData { url: string; serverId: string; leaseMs: number; renewMs: number; stuckMs: number }
export type LeaseThreadMessage = { kind: 'renewed'; sentAtNs: bigint } | { kind: 'lost' };

const { url, serverId, leaseMs, renewMs, stuckMs } = workerData as LeaseThreadData;
let client: pg.Client | undefined;
let mainAnsweredAt = systemClock.monotonicMs();
parentPort!.on('message', () => {
  mainAnsweredAt = systemClock.monotonicMs();
});

async function renew(): Promise<void> {
  // hrtime is one clock for all threads of the process; the lease is trusted from BEFORE the renewal was sent.
  const sentAtNs = process.hrtime.bigint();
  if (client === undefined) {
    client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000, application_name: 'drover-lease', keepAlive: true });
    client.on('error', () => {
      client = undefined;
    });
    await client.connect();
  }
  const { rowCount } = await client.query({ name: 'lease-renew', text: LEASE_RENEW, values: [serverId, leaseMs] });
  parentPort!.postMessage(rowCount === 1 ? { kind: 'renewed', sentAtNs } : { kind: 'lost' } satisfies LeaseThreadMessage);
}

async function tick(): Promise<void> {
  // A main thread that is stuck for good must not keep its partitions for ever.
  if (systemClock.monotonicMs() - mainAnsweredAt < stuckMs) {
    try {
      await renew();
    } catch {
      client?.end().catch(() => undefined);
      client = undefined;
    }
  }
  systemClock.after(renewMs, () => void tick());
}

void tick();
