/** What a run's owner may believe of what it hears, and when. The cases are those in which a plausible rule would tell an untruth. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import type { AgentId, HostId, WorkerId } from '../../base/ids.ts';
import { agentExecutor, workerExecutor } from './executor.ts';
import { firstAttempts } from '../crew/execution.ts';
import { hostOf, hostSubject } from './subject.ts';
import { HERE, OneHost, RUN, SPEC } from '../../../test/support/one-host.ts';
import { oneTaskRun } from '../../../test/support/one-task-run.ts';

const SUCCESS = { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 1 } as const;

describe('an order that an agent does not take now, by its own word', () => {
  it('waits for its next turn, whatever was sent before: the agent takes none of it any more', () => {
    const host = new OneHost().dispatched();
    host.passes(10_000);
    expect(host.orders()).toEqual(['start']);
    host.run.tasks[0]!.crew.onBusy(host.execution, 1, host.at, 500, HERE.instance);
    expect(host.execution.state).toBe('waiting');
  });

  it('stays out when another start of the agent says so', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onBusy(host.execution, 1, host.at, 500, 'second');
    expect(host.execution.state).toBe('dispatched');
  });

  it('comes back ever more slowly, and has an end with a reason', () => {
    const host = new OneHost().dispatched();
    let returns = 0;
    while (host.execution.state !== 'not_started') {
      if (host.execution.state === 'dispatched') {
        host.run.tasks[0]!.crew.onBusy(host.execution, 1, host.at, 500, HERE.instance);
        returns++;
        host.commit();
      }
      host.passes(250);
      host.commit();
      host.orders();
    }
    expect(returns).toBeLessThan(20);
    expect(host.at).toBeLessThan(1_000 + SPEC.policy.startDeadlineMs + 30_000);
    expect(host.execution.result?.reason ?? 'start-deadline').toBe('start-deadline');
  });
});

it('knows after a new read that its failures had stopped it, also where it was cancelled since', () => {
  const policy = { ...SPEC.policy, maxFailed: { kind: 'count', count: 0 } } as const;
  const stopped = (failed: number): boolean => {
    const executions = [0, 1].map((ordinal) => ({
      ...firstAttempts([hostSubject(`h${ordinal}` as HostId, `h${ordinal}`)])[0]!,
      ordinal,
      state: ordinal < failed ? ('failed' as const) : ('running' as const),
    }));
    const cancelled = { cancelRequestedAtMs: 1, cancelRequestedBy: 'somebody' };
    return oneTaskRun(
      { id: RUN, state: 'stopping', round: 1, seq: 3, roundAgeMs: 0, ...cancelled },
      { ...SPEC, policy },
      executions,
      0,
    ).tasks[0]!.limitExceeded;
  };
  expect([stopped(1), stopped(0)]).toEqual([true, false]);
});

describe('an order that was not delivered, as a worker says', () => {
  it('stays out, is sent again ever more slowly, and is lost when nobody else says anything', () => {
    const host = new OneHost().dispatched();
    let [sent, isOut] = [0, true];
    while (host.execution.state === 'dispatched') {
      if (isOut) host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
      host.passes(250);
      isOut = host.orders().length > 0;
      if (isOut) sent++;
    }
    expect(host.execution).toMatchObject({ state: 'lost', result: { reason: 'status-unknown' } });
    expect(sent).toBeGreaterThan(5);
    expect(host.at).toBeLessThan(1_000 + SPEC.policy.startDeadlineMs + 30_000);
  });

  it('is not called undelivered for a later owner either: what the one before has sent may have arrived', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    host.route = undefined;
    host.passes(1);
    host.passes(SPEC.policy.lostAfterMs + 1);
    expect(host.execution.state).toBe('lost');
  });

  it('says nothing of an earlier one that may have arrived', () => {
    const host = new OneHost().dispatched();
    host.passes(10_000);
    expect(host.orders()).toEqual(['start']);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    expect(host.execution.state).toBe('dispatched');
  });

  it('is not taken for the start when it was the cancel: the script may be running', () => {
    const host = new OneHost().dispatched();
    host.run.cancel('somebody', host.at);
    host.advance();
    expect(host.orders()).toEqual(['cancel']);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    host.advance();
    expect(host.execution.state).toBe('dispatched');
    host.passes(10_000);
    expect(host.orders()).toEqual(['cancel']);
  });
});

describe('a loss', () => {
  function losing(): OneHost {
    const host = new OneHost().dispatched();
    host.route = undefined;
    host.passes(1);
    host.passes(SPEC.policy.lostAfterMs + 1);
    expect(host.execution.state).toBe('lost');
    return host;
  }

  it("that is being written leaves the agent's word unacknowledged, so that it comes again", () => {
    const host = losing();
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, SUCCESS, host.at)).toBe('ignored');
    host.commit();
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, SUCCESS, host.at)).toBe('taken');
    expect(host.execution).toMatchObject({ state: 'succeeded', settledLate: true });
  });

  it('is settled by the late truth once, and by nothing after that', () => {
    const host = losing();
    host.commit();
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, SUCCESS, host.at)).toBe('taken');
    host.commit();
    expect(
      host.run.tasks[0]!.crew.onResult(
        host.execution,
        1,
        { outcome: { kind: 'exited', code: 1 }, finishedAtMs: 2 },
        host.at,
      ),
    ).toBe('settled');
    expect(host.execution.state).toBe('succeeded');
  });

  it('is not retried by itself: it may have run', () => {
    const host = new OneHost({ retries: 3 }).dispatched();
    host.route = undefined;
    host.passes(1);
    host.passes(SPEC.policy.lostAfterMs + 1);
    host.commit();
    host.passes(10_000);
    expect(host.execution).toMatchObject({ state: 'lost', attempt: 1 });
  });
});

describe('a failure', () => {
  it('opens the next attempt, as often as was asked', () => {
    const host = new OneHost({ retries: 1 }).dispatched();
    const failure = { outcome: { kind: 'exited', code: 3 }, finishedAtMs: 1 } as const;
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, failure, host.at)).toBe('taken');
    host.commit();
    expect(host.execution).toMatchObject({ state: 'waiting', attempt: 2 });
    host.passes(5_000);
    host.commit();
    expect(host.orders()).toEqual(['start']);
    host.run.tasks[0]!.crew.onResult(host.execution, 2, failure, host.at);
    host.commit();
    expect(host.execution).toMatchObject({ state: 'failed', attempt: 2 });
    // What it says of the first is of an attempt that is history by now: recorded there, if it is news.
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, failure, host.at)).toBe('superseded');
    expect(host.execution).toMatchObject({ state: 'failed', attempt: 2 });
  });

  it('that is tried again has not failed yet: it does not count for the limit', () => {
    const host = new OneHost({ retries: 1, maxFailed: { kind: 'count', count: 0 } }).dispatched();
    const failure = { outcome: { kind: 'exited', code: 3 }, finishedAtMs: 1 } as const;
    host.run.tasks[0]!.crew.onResult(host.execution, 1, failure, host.at);
    host.advance();
    host.commit();
    host.passes(5_000);
    host.commit();
    expect([host.run.tasks[0]!.limitExceeded, host.execution.state, ...host.orders()]).toEqual([
      false,
      'dispatched',
      'start',
    ]);
    host.run.tasks[0]!.crew.onResult(host.execution, 2, failure, host.at);
    host.advance();
    expect(host.run.tasks[0]!.limitExceeded).toBe(true);
  });

  it('that is told twice is not acknowledged before it is committed', () => {
    const host = new OneHost({ retries: 1 }).dispatched();
    const failure = { outcome: { kind: 'exited', code: 3 }, finishedAtMs: 1 } as const;
    host.run.tasks[0]!.crew.onResult(host.execution, 1, failure, host.at);
    expect(host.run.tasks[0]!.crew.onResult(host.execution, 1, failure, host.at)).toBe('taken');
  });
});

describe('an order that its executor has taken', () => {
  it('is asked after, not sent again, while nobody has said that it began', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.passes(59_000);
    expect(host.orders()).toEqual([]);
    host.passes(1_000);
    expect(host.orders()).toEqual(['query']);
    host.run.tasks[0]!.crew.onStarted(host.execution, 1, host.at, host.at);
    host.commit();
    host.passes(60_000);
    expect(host.orders()).toEqual([]);
  });

  it("stays its executor's, whatever is told of the question", () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.passes(60_000);
    expect(host.orders()).toEqual(['query']);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    host.run.tasks[0]!.crew.onLinked('host' as HostId);
    expect(host.orders()).toEqual(['start']);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    expect(host.execution.state).toBe('dispatched');
  });

  it('is sent again when its executor knows nothing of it any more', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.run.tasks[0]!.crew.onUnknown(host.execution, 1, { at: host.at, ms: host.at }, HERE.instance);
    expect(host.orders()).toEqual(['start']);
  });
});

describe("an order that waits in a worker's queue", () => {
  it('is sent again only in case the worker has forgotten it', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    host.passes(59_000);
    expect(host.orders()).toEqual([]);
    host.passes(1_000);
    expect(host.orders()).toEqual(['start']);
  });

  it('is not sent again, but is when the host links anew', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    host.passes(50_000);
    expect(host.orders()).toEqual([]);
    host.run.tasks[0]!.crew.onLinked('host' as HostId);
    expect(host.orders()).toEqual(['start']);
  });

  it('is sent again when the worker hands it back', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    host.passes(600);
    expect([host.execution.state, ...host.orders()]).toEqual(['dispatched', 'start']);
  });

  it('is not lost there, however long its turn takes, as long as the worker says so', () => {
    const host = new OneHost().dispatched();
    for (let minutes = 0; minutes < 60; minutes++) {
      host.run.tasks[0]!.crew.onQueued(host.execution, 1);
      host.passes(60_000);
      host.orders();
    }
    expect(host.execution.state).toBe('dispatched');
    for (let minutes = 0; minutes < 6; minutes++) host.passes(60_000);
    expect(host.execution.state).toBe('lost');
  });

  it('has an end when its cancel is answered by nobody but the queue', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    host.run.cancel('somebody', host.at);
    for (let minutes = 0; minutes < 6; minutes++) {
      host.passes(60_000);
      host.orders();
      host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    }
    expect(host.execution.state).toBe('lost');
  });

  it('says nothing against what the executor has said', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.run.tasks[0]!.crew.onQueued(host.execution, 1);
    host.run.tasks[0]!.crew.onUndelivered(host.execution, 1, host.at, 500);
    expect(host.execution.state).toBe('dispatched');
  });
});

describe('an execution over SSH', () => {
  const ID = 'worker' as WorkerId;
  const WORKER = { workerId: ID, executor: workerExecutor(ID, 'ssh') };

  function overSsh(): OneHost {
    const host = new OneHost();
    host.route = WORKER;
    return host.dispatched();
  }

  it('has nothing to do with the agent of the same host', () => {
    const host = overSsh();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.run.tasks[0]!.crew.onUnlinked('host' as HostId, host.at);
    host.run.tasks[0]!.crew.onLinked('host' as HostId);
    expect(host.execution.unlinkedAt).toBe(0);
    expect(host.orders()).toEqual([]);
  });

  it('is asked for anew when its worker comes back, and lost when that stays away', () => {
    const host = overSsh();
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.route = undefined as never;
    host.passes(1_000);
    host.run.tasks[0]!.crew.onRoutesChanged('another' as WorkerId);
    expect(host.execution.unlinkedAt).toBeGreaterThan(0);
    host.route = WORKER;
    host.run.tasks[0]!.crew.onRoutesChanged(WORKER.workerId);
    expect(host.orders()).toEqual(['start']);
    host.route = undefined as never;
    host.passes(1_000);
    host.passes(SPEC.policy.lostAfterMs + 1);
    expect(host.execution.state).toBe('lost');
  });

  it('that found no way is tried when ways change', () => {
    const host = new OneHost();
    host.route = undefined as never;
    host.advance();
    host.route = WORKER;
    host.run.tasks[0]!.crew.onRoutesChanged();
    host.advance();
    expect(host.execution.state).toBe('dispatched');
  });
});

describe('a host to which there can be no way', () => {
  it('is given up at once, as soon as that is known; the others wait on', () => {
    let isKnown = false;
    const run = oneTaskRun(
      { id: RUN, state: 'waiting', round: 1, seq: 1, roundAgeMs: 1_000 },
      SPEC,
      firstAttempts(['bare', 'other'].map((name) => hostSubject(name as HostId, name))),
      1_000,
      {
        never: ({ subject }) => {
          if (hostOf(subject)?.id !== 'bare') return undefined;
          return isKnown ? { reason: 'host-without-address', detail: 'none' } : 'unsure';
        },
      },
    );
    const send = (at: number): void => run.tasks[0]!.crew.send(10, { ms: at, at }, () => undefined);
    send(1_000);
    expect(run.tasks[0]!.crew.executions.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
    expect(run.tasks[0]!.crew.dueAt).toBeLessThan(2_000);
    isKnown = true;
    send(run.tasks[0]!.crew.dueAt);
    expect(run.tasks[0]!.crew.executions.map(({ state }) => state)).toEqual(['not_started', 'waiting']);
    expect(run.tasks[0]!.crew.executions[0]!.result).toMatchObject({ reason: 'host-without-address' });
    expect(run.tasks[0]!.crew.dueAt).toBeGreaterThan(2_000);
  });
});

describe('what its executor could not start', () => {
  const refused = {
    outcome: { kind: 'refused' },
    reason: 'user-unknown',
    detail: 'no such user',
    finishedAtMs: 1,
  } as const;

  it('is not started, and not a failure that counts', () => {
    const run = oneTaskRun(
      { id: RUN, state: 'waiting', round: 1, seq: 1, roundAgeMs: 1_000 },
      { ...SPEC, policy: { ...SPEC.policy, concurrency: 1, maxFailed: { kind: 'count', count: 0 }, retries: 2 } },
      [0, 1, 2].map((ordinal) => ({
        task: 0,
        ordinal,
        attempt: 1,
        subject: hostSubject(`host-${ordinal}` as HostId, `h${ordinal}`),
        state: 'waiting' as const,
        failuresInRound: 0,
      })),
      1_000,
    );
    const step = (): void => {
      run.advance({ at: 1_000, ms: 1_000 }, () => HERE);
      for (const one of run.tasks[0]!.crew.changes.take(10))
        run.tasks[0]!.crew.committed(one, one.retry ? 'failed' : one.state);
    };
    step();
    run.tasks[0]!.crew.onResult(run.tasks[0]!.crew.executions[0]!, 1, refused, 1_000);
    step();
    step();
    expect(run.tasks[0]!.crew.executions.map(({ state }) => state)).toEqual(['not_started', 'dispatched', 'waiting']);
    // A failure does count: the next has no turn.
    run.tasks[0]!.crew.onResult(
      run.tasks[0]!.crew.executions[1]!,
      1,
      { outcome: { kind: 'unknown' }, reason: 'link-lost', finishedAtMs: 1 },
      1_000,
    );
    step();
    step();
    expect(run.tasks[0]!.limitExceeded).toBe(true);
    expect(run.tasks[0]!.crew.executions.map(({ state }) => state)).toEqual(['not_started', 'lost', 'skipped']);
  });

  it('has failed once it had begun, whoever takes that back', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onStarted(host.execution, 1, 500, host.at);
    host.commit();
    host.run.tasks[0]!.crew.onResult(host.execution, 1, refused, host.at);
    expect(host.execution.state).toBe('failed');
  });

  it('was lost first, and is known not to have begun when it comes back', () => {
    const host = new OneHost().dispatched();
    host.route = undefined;
    host.passes(1);
    host.passes(SPEC.policy.lostAfterMs + 1);
    host.commit();
    expect(host.execution.state).toBe('lost');
    host.run.tasks[0]!.crew.onResult(host.execution, 1, refused, host.at);
    expect([host.execution.state, host.execution.settledLate]).toEqual(['not_started', true]);
  });
});

describe('a host that is enrolled anew while an attempt is out', () => {
  it('is another agent, which knows nothing of it: the attempt is lost, not looked for there', () => {
    const host = new OneHost().dispatched();
    host.route = { ...HERE, executor: agentExecutor('another' as AgentId) };
    host.passes(1_000);
    expect(host.execution).toMatchObject({ state: 'lost', result: { reason: 'agent-replaced' } });
  });
});

describe('the clocks of two machines', () => {
  const LATER_MS = SPEC.policy.timeoutMs + SPEC.policy.killAfterMs;
  const HOURS = 2 * 3_600_000;

  it.each([-HOURS, -120_000, 0, 120_000, HOURS])('are never compared: the host is %i ms off', (skewMs) => {
    const host = new OneHost().dispatched();
    host.at += 10_000;
    host.run.tasks[0]!.crew.onStarted(host.execution, 1, host.at + skewMs, host.at);
    host.commit();
    host.passes(LATER_MS);
    expect([host.execution.state, host.orders()]).toEqual(['running', []]);
    // It has let its own deadline pass: it is told to end it, and then it is told for it.
    host.passes(limits.deadlineGuardMs + 1_000);
    expect(host.orders()).toEqual(['cancel']);
    host.passes(limits.deadlineGuardMs);
    expect(host.execution).toMatchObject({ state: 'timed_out', result: { reason: 'deadline-guard' } });
  });

  it("do not matter to the start deadline: a jump of the server's changes nothing", () => {
    const host = new OneHost();
    host.route = undefined;
    host.run.advance({ at: host.at, ms: HOURS }, () => undefined);
    host.run.advance({ at: host.at + SPEC.policy.startDeadlineMs - 2_000, ms: -HOURS }, () => undefined);
    expect(host.execution.state).toBe('waiting');
    host.run.advance({ at: host.at + SPEC.policy.startDeadlineMs, ms: 0 }, () => undefined);
    expect(host.execution.state).toBe('not_started');
  });
});

describe('an agent that was started anew', () => {
  it('is asked of an attempt that its former start was given, never told to begin it', () => {
    const host = new OneHost().dispatched();
    host.route = { ...HERE, instance: 'second' };
    host.run.tasks[0]!.crew.onLinked('host' as HostId);
    host.advance();
    expect(host.orders()).toEqual(['query']);
  });

  it('and knows nothing of it makes it lost: the former start, or a copy of it, may have carried it out', () => {
    const host = new OneHost().dispatched();
    host.route = { ...HERE, instance: 'second' };
    host.run.tasks[0]!.crew.onUnknown(host.execution, 1, { at: host.at, ms: host.at }, 'second');
    expect(host.execution.state).toBe('lost');
  });

  it('is not spoken of by its own word that it has not come', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onUnknown(host.execution, 1, { at: host.at, ms: host.at }, 'first');
    host.advance();
    expect([host.execution.state, ...host.orders()]).toEqual(['dispatched', 'start']);
  });
});
