/** When a run is to be looked at, if nobody tells anything of it. */
import { describe, expect, it } from 'vitest';
import { HERE, OneHost, SPEC } from '../../../test/support/one-host.ts';
import type { HostId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';

const SUCCESS = { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 1 } as const;

describe('a run of which nobody tells anything', () => {
  it('is due when its order is to be sent again, and at last once in a while', () => {
    const host = new OneHost().dispatched();
    expect(host.run.dueAt).toBe(host.at + 5_000);
    host.run.tasks[0]!.crew.onAccepted(host.execution, 1);
    host.passes(5_000);
    host.orders();
    expect(host.run.dueAt).toBe(host.at + 15_000);
  });

  it('is due when its host is away for too long', () => {
    const host = new OneHost({ lostAfterMs: 4_000 }).dispatched();
    host.run.tasks[0]!.crew.onUnlinked('host' as HostId, host.at);
    expect(host.run.dueAt).toBe(host.at + 4_000);
    host.route = undefined;
    host.passes(4_000);
    expect(host.execution.state).toBe('lost');
  });

  it('is due when its host should have ended the script', () => {
    const host = new OneHost({ timeoutMs: 100, killAfterMs: 100 }).dispatched();
    host.run.tasks[0]!.crew.onStarted(host.execution, 1, host.at, host.at);
    host.commit();
    const endAt = host.at + 200 + limits.deadlineGuardMs;
    while (host.at < endAt) {
      expect(host.run.dueAt).toBeGreaterThan(host.at);
      expect(host.run.dueAt).toBeLessThanOrEqual(endAt);
      host.passes(host.run.dueAt - host.at);
      expect(host.orders()).toEqual(host.at < endAt ? [] : ['cancel']);
    }
  });

  it('is due when what came back has its next turn, and when what has no way has had its time', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onBusy(host.execution, 1, host.at, 500, HERE.instance);
    host.commit();
    host.advance();
    expect(host.run.dueAt).toBe(host.at + 500);
    host.route = undefined;
    host.passes(500);
    expect(host.run.dueAt).toBe(SPEC.policy.startDeadlineMs);
  });

  it('is due no more when it is over', () => {
    const host = new OneHost().dispatched();
    host.run.tasks[0]!.crew.onResult(host.execution, 1, SUCCESS, host.at);
    const write = host.run.write(10);
    host.run.landed(write, host.at);
    expect([host.run.state, host.run.dueAt]).toEqual(['succeeded', Number.POSITIVE_INFINITY]);
  });
});
