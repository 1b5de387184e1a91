/**
 * A connection that is being made is given up when PostgreSQL has been silent for long, not when this process has not listened: whoever had
 * its hands full for that long finds afterwards what was said meanwhile. So a burst of requests is never taken for a database that is away.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { systemClock as clock } from '../../base/clock.ts';

/** Without a word for so long, as often as this process has looked in time. */
const SILENT_MS = 5_000;
const LOOKS = 5;
const EVERY_MS = SILENT_MS / LOOKS;
/** A look that comes later than this tells of us, and not of PostgreSQL: it counts for nothing. */
const LATE_MS = EVERY_MS / 10;
/** However busy this process is. */
const LOOKS_MAX = 12 * LOOKS;

/** Its `connect` rejects with a lost connection when it is given up. */
export class PatientClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    giveUpWhenSilent(this);
  }
}

/** Of a client that is about to connect. */
function giveUpWhenSilent(client: pg.Client): void {
  let cancel = (): void => undefined;
  const watch = (looks: number, inTime: number): void => {
    const dueAtMs = clock.monotonicMs() + EVERY_MS;
    const look = (): void => {
      const counted = clock.monotonicMs() - dueAtMs > LATE_MS ? inTime : inTime + 1;
      if (counted < LOOKS && looks < LOOKS_MAX) return watch(looks + 1, counted);
      (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
    };
    cancel = clock.after(EVERY_MS, look, { unref: true });
  };
  watch(1, 0);
  client.once('connect', () => cancel());
  client.once('end', () => cancel());
}
