/**
 * Seals the audit: entries that deeds have written get their number and their place in the chain. Every server does it;
 * one at a time gets to.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../store/contract/store.ts';

const EVERY_MS = 1_000;

/** The answer stops it, and waits for the batch under way. */
export function startAuditSealer(store: Pick<Store, 'auditSeal'>, clock: Clock, log: Log): () => Promise<void> {
  let cancel = (): void => undefined;
  let isStopped = false;
  let isFailing = false;
  let sealing: Promise<void> = Promise.resolve();
  const round = async (): Promise<void> => {
    try {
      await store.auditSeal();
      isFailing = false;
    } catch (error) {
      // A database that is away or full says so elsewhere, once a second.
      if (!isFailing) log.warn({ err: error }, 'the audit could not be sealed; it is tried again every second');
      isFailing = true;
    }
    if (!isStopped) cancel = clock.after(EVERY_MS, next, { unref: true });
  };
  const next = (): void => {
    sealing = round();
  };
  next();
  return async () => {
    isStopped = true;
    cancel();
    await sealing;
  };
}
