import { expect, it } from 'vitest';
import { DroverError } from '../../../base/errors.ts';
import type { AttemptId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import { silentLog } from '../../../base/log.ts';
import { RemoteSessions } from '../remote/remote-sessions.ts';
import { fastClock } from '../../../../test/support/fast-clock.ts';
import { SshAttempt } from './ssh-attempt.ts';
import type { SshPool } from '../connection/ssh-pool.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TIMEOUT_MS = 60_000;

it.each([
  ['ahead', 3 * DAY_MS],
  ['back', -3 * DAY_MS],
])(
  'goes on looking for a running script for as long as it should when the wall clock jumps %s',
  async (_name, jumpMs) => {
    const clock = fastClock();
    const beganAt = clock.passedMs;
    const outcomes: unknown[] = [];
    const attempt = new SshAttempt(
      {
        attempt: '0'.repeat(32) as AttemptId,
        note: { timeoutMs: TIMEOUT_MS, killAfterMs: 1_000, hasSecrets: false } as never,
        acceptedAtMs: clock.nowMs(),
        order: undefined,
        orderValidMs: limits.sshOrderValidMs,
        sessions: new RemoteSessions(),
        pool: {
          shell() {
            clock.jumpMs = jumpMs;
            // Half an hour, so that the day is over after some tries.
            clock.passedMs += HOUR_MS / 2;
            return Promise.reject(new DroverError('ssh-refused', { detail: 'nobody there' }));
          },
        } as unknown as SshPool,
        clock,
        random: { next: () => 0.5, bytes: (size: number) => Buffer.alloc(size) } as never,
        log: silentLog,
        stopping: new AbortController().signal,
        output: () => Promise.reject(new Error('nothing was heard')),
        isWatched: () => false,
        onStarted() {},
        onEnded: (outcome) => outcomes.push(outcome),
      },
      true,
    );
    await attempt.carry();
    expect(outcomes).toEqual([expect.objectContaining({ outcome: { kind: 'unknown', reason: 'ssh-lost' } })]);
    const passedMs = clock.passedMs - beganAt;
    expect(passedMs).toBeGreaterThan(limits.sshReattachMs + TIMEOUT_MS);
    expect(passedMs).toBeLessThan(limits.sshReattachMs + TIMEOUT_MS + 2 * HOUR_MS);
  },
);
