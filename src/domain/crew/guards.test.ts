import { expect, it } from 'vitest';
import type { WorkerId } from '../../base/ids.ts';
import type { HostId } from '../../base/ids.ts';
import { workerExecutor } from '../run/executor.ts';
import { hostSubject, NO_SUBJECT } from '../run/subject.ts';
import { executionOf } from './execution.ts';
import { guardedEnd } from './guards.ts';

it('says whether a host or the worker of a task without hosts was out of reach', () => {
  const policy = { startDeadlineMs: 1, lostAfterMs: 1_000, timeoutMs: 1, killAfterMs: 1 };
  const told = [hostSubject('h' as HostId, 'h'), NO_SUBJECT].map((subject) => {
    const route = { workerId: 'w' as WorkerId, executor: workerExecutor('w' as WorkerId, 'process') };
    const seed = { task: 0, ordinal: 0, attempt: 1, subject, state: 'running', failuresInRound: 0, route } as const;
    return guardedEnd(executionOf(seed, 1), undefined, policy, 1, 1_001)?.detail;
  });
  expect(told).toEqual([
    expect.stringMatching(/^The host was out of reach/),
    expect.stringMatching(/^Its worker was out of reach/),
  ]);
});
