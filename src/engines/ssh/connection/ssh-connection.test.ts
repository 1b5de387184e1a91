import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Client } from 'ssh2';
import { expect, it } from 'vitest';
import { limits } from '../../../base/limits.ts';
import { fastClock } from '../../../../test/support/fast-clock.ts';
import { SshConnection } from './ssh-connection.ts';

/** The client of a server that refuses sessions as often as it is told to: what ssh2 says of one that has not freed the last. */
function connectionWith(refusals: { left: number }): {
  connection: SshConnection;
  clock: ReturnType<typeof fastClock>;
} {
  const clock = fastClock();
  const client = Object.assign(new EventEmitter(), {
    end: () => undefined,
    exec: (_command: string, done: (error: Error | undefined, stream?: PassThrough) => void) => {
      if (refusals.left-- > 0) return done(new Error('(SSH) Channel open failure: open failed'));
      done(undefined, Object.assign(new PassThrough(), { stderr: new PassThrough() }));
    },
  });
  const hop = { hostId: 'h', address: '127.0.0.1', port: 22, user: 'root', credentials: [], knownHostKeys: [] };
  const connection = new SshConnection(hop as never, client as unknown as Client, new PassThrough(), {
    clock,
    random: { next: () => 0.5 },
    onIdle: () => undefined,
    onBusy: () => undefined,
    onClosed: () => undefined,
  });
  return { connection, clock };
}

async function serveOnce(connection: SshConnection): Promise<void> {
  const channel = await connection.exec('true');
  (channel.stdin as PassThrough).destroy();
  await channel.ended;
}

it('believes a server at once that has never opened a session', async () => {
  const { connection } = connectionWith({ left: Number.POSITIVE_INFINITY });
  await expect(connection.exec('true')).rejects.toMatchObject({ code: 'ssh-session-refused' });
  expect(connection.isOpen).toBe(true);
});

it('waits for a server that has not freed the last session', async () => {
  const refusals = { left: 0 };
  const { connection } = connectionWith(refusals);
  await serveOnce(connection);
  refusals.left = 6;
  await serveOnce(connection);
  expect(connection.isOpen).toBe(true);
});

it('is given up, so that another is opened, where the last session is never freed', async () => {
  const refusals = { left: 0 };
  const { connection, clock } = connectionWith(refusals);
  await serveOnce(connection);
  refusals.left = Number.POSITIVE_INFINITY;
  const before = clock.passedMs;
  await expect(connection.exec('true')).rejects.toMatchObject({ code: 'ssh-lost' });
  expect(connection.isOpen).toBe(false);
  expect(clock.passedMs - before).toBeGreaterThanOrEqual(limits.sshSessionFreeMs);
});
