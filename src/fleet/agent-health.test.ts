import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import type { HostId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { AgentHealth } from './agent-health.ts';

const [A, B] = ['host-a', 'host-b'] as HostId[];
const GOOD = { running: 1, unreported: 0, rssBytes: 50, loadAverage: 0.5, lagMs: 3, freeSpoolBytes: 1e12 };

describe('the health of agents', () => {
  let nowMs: number;
  let health: AgentHealth;
  beforeEach(() => {
    nowMs = 1_000;
    const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined, soon() {} };
    health = new AgentHealth(clock);
  });

  it('has no problem with an agent that links now and then and says it is well', () => {
    for (let i = 0; i < 20; i++) {
      health.linked(A!, `start/${i}`);
      nowMs += limits.agentFlapWindowMs / 4;
    }
    health.heard({ h: A!, ...GOOD });
    expect(health.problemsOf(A!)).toEqual([]);
    expect(health.troubled()).toEqual([]);
    expect(health.totals()).toMatchObject({ reporting: 1, running: 1, rssBytes: 50, lagMsMax: 3 });
  });

  it('names an agent that flaps, also while it is not linked, and forgets it when it is quiet', () => {
    for (let i = 0; i < limits.agentFlapLinks; i++) {
      expect(health.problemsOf(A!)).toEqual([]);
      health.linked(A!, `start/${i}`);
      health.unlinked(A!);
      nowMs += 1_000;
    }
    expect(health.problemsOf(A!)).toEqual(['flapping']);
    expect(health.totals().problems.flapping).toBe(1);
    nowMs += limits.agentFlapWindowMs;
    expect(health.troubled()).toEqual([]);
  });

  it('takes a link that is shown again and again for one, whatever its worker and its agent tell meanwhile', () => {
    for (let i = 0; i < 2 * limits.agentFlapLinks; i++) {
      health.linked(A!, 'start/1');
      health.skewed(A!, 0);
      health.unlinked(A!);
    }
    expect(health.linksOf(A!)).toBe(1);
    expect(health.problemsOf(A!)).toEqual([]);
  });

  it('names who lags, is skewed, or is low on space, until they say otherwise', () => {
    health.skewed(B!, -limits.clockSkewMsMax - 1);
    expect(health.problemsOf(B!)).toEqual(['skewed']);
    health.heard({ h: B!, ...GOOD, lagMs: limits.agentLagMsMax, freeSpoolBytes: limits.spoolFreeBytesMin - 1 });
    expect(health.troubled()).toEqual([{ hostId: B, problems: ['lagging', 'skewed', 'spool-low'] }]);
    health.heard({ h: B!, ...GOOD, skewMs: 5 });
    expect(health.problemsOf(B!)).toEqual([]);
    health.unlinked(B!);
    expect(health.totals().reporting).toBe(0);
  });
});
