import { describe, expect, it } from 'vitest';
import type { AgentLoad } from '../protocol/link/agent-v1.ts';
import { AgentLoads } from './agent-loads.ts';

const load = (running: number, more: Partial<AgentLoad> = {}): AgentLoad => ({
  t: 'load',
  running,
  unreported: 0,
  rssBytes: 1,
  loadAverage: 0.5,
  lagMs: 2,
  freeSpoolBytes: 3,
  ...more,
});

describe('loads on their way to the servers', () => {
  it('are the last word of each agent, once', () => {
    const loads = new AgentLoads();
    loads.heard('a', load(1), 1_000);
    loads.heard('b', load(5, { nowMs: 31_000, freeMemoryBytes: 9 }), 1_000);
    loads.heard('a', load(2), 1_000);
    expect(loads.take()).toEqual([
      {
        t: 'agent-loads',
        loads: [
          { h: 'a', running: 2, unreported: 0, rssBytes: 1, loadAverage: 0.5, lagMs: 2, freeSpoolBytes: 3 },
          {
            h: 'b',
            running: 5,
            unreported: 0,
            rssBytes: 1,
            loadAverage: 0.5,
            lagMs: 2,
            freeSpoolBytes: 3,
            freeMemoryBytes: 9,
            skewMs: 30_000,
          },
        ],
      },
    ]);
    expect(loads.take()).toEqual([]);
  });

  it('leave out who is gone, and split what is too much for a frame', () => {
    const loads = new AgentLoads();
    for (let i = 0; i < 10_001; i++) loads.heard(`host-${i}`, load(i), 0);
    loads.gone('host-0');
    expect(loads.take().map((frame) => frame.loads.length)).toEqual([5_000, 5_000]);
  });
});
