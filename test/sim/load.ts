/** Runs of all kinds, as a seed draws them. */
import { given } from '../../src/base/given.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import { plainSpec } from '../support/run-spec.ts';
import type { Simulation } from './simulation.ts';

export function newRunSpec(sim: Simulation, isPlain: boolean): RunSpec {
  const { policy, ...spec } = plainSpec({
    policy: {
      timeoutMs: isPlain ? 120_000 : Math.round(sim.pick([2_000, 20_000, 120_000])),
      killAfterMs: 1_000,
      startDeadlineMs: isPlain ? 60_000 : sim.pick([5_000, 30_000, 60_000]),
      lostAfterMs: isPlain ? 60_000 : sim.pick([5_000, 20_000, 60_000]),
      retries: isPlain ? 0 : sim.pick([0, 0, 1, 3]),
      outputKeptBytes: 4 << 20,
      priority: sim.pick(['low', 'normal', 'high'] as const),
      ...given({
        concurrency: !isPlain && sim.chance(0.3) ? 1 + sim.below(3) : undefined,
        maxFailed: !isPlain && sim.chance(0.2) ? { kind: 'count' as const, count: sim.below(3) } : undefined,
      }),
    },
  });
  // Not drawn: a seed that found something is to find it again.
  return { ...spec, policy: { ...policy, success: { exitCodes: policy.retries === 1 ? [0, 3] : [0] } } };
}
