/**
 * Keeps this server's lease. The renewals run in a thread of their own; here is what the main thread may believe: the lease is
 * trusted until its length after the last renewal was SENT, less a margin, by the process's monotonic clock. A process
 * that was stopped for longer finds itself beyond that instant as soon as it runs again, before it does anything.
 */
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { Service } from '../../../base/service.ts';
import type { LeaseThreadData, LeaseThreadMessage } from './lease-keeper-thread.ts';

export interface LeaseKeeper extends Service {
  isTrusted(): boolean;
  /** The lease ran out and was noticed: the server must register again and take partitions anew. */
  onLost: () => void;
}

export interface LeaseKeeperOptions {
  readonly url: string;
  readonly serverId: string;
  readonly log: Log;
  readonly leaseMs?: number;
  readonly renewMs?: number;
  readonly marginMs?: number;
  readonly stuckMs?: number;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const leaseMs = options.leaseMs ?? limits.serverLeaseMs;
  const marginMs = options.marginMs ?? limits.serverLeaseMarginMs;
  const renewMs = options.renewMs ?? limits.serverLeaseRenewMs;
  const data: LeaseThreadData = {
    url: options.url,
    serverId: options.serverId,
    leaseMs,
    renewMs,
    stuckMs: options.stuckMs ?? limits.mainThreadStuckMs,
  };
  let trustedUntilNs = 0n;
  let thread: Worker | undefined;
  let stopping = false;
  let onFirstRenewal: () => void = () => undefined;
  let onNeverRenewed: (error: Error) => void = () => undefined;

  function launch(): void {
    const started = new Worker(
      new URL(
        import.meta.url.endsWith('.ts') ? './lease-keeper-thread.ts' : './lease-keeper-thread.mjs',
        import.meta.url,
      ),
      { workerData: data },
    );
    thread = started;
    started.on('message', (message: LeaseThreadMessage) => {
      started.postMessage('alive');
      if (message.kind === 'alive?') return;
      if (message.kind === 'renewed') {
        trustedUntilNs = message.sentAtNs + BigInt(leaseMs - marginMs) * 1_000_000n;
        onFirstRenewal();
      } else if (!stopping) {
        trustedUntilNs = 0n;
        keeper.onLost();
      }
    });
    started.on('error', (error) => options.log.error({ err: error }, 'the lease keeper failed; starting it again'));
    started.on('exit', () => {
      trustedUntilNs = 0n;
      // Without it the server would own nothing any more and look alive.
      if (!stopping) systemClock.after(renewMs, () => stopping || launch(), { unref: true });
    });
  }

  const keeper: LeaseKeeper = {
    name: 'lease-keeper',
    onLost: () => undefined,
    isTrusted: () => process.hrtime.bigint() < trustedUntilNs,
    start() {
      stopping = false;
      launch();
      return new Promise((resolve, reject) => {
        onFirstRenewal = resolve;
        onNeverRenewed = reject;
      });
    },
    async stop() {
      stopping = true;
      trustedUntilNs = 0n;
      await thread?.terminate();
      thread = undefined;
      onNeverRenewed(
        new DroverError('database-unavailable', { detail: 'The server was stopped before it had a lease.' }),
      );
    },
  };
  return keeper;
}
