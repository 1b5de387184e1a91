/**
 * Fleets from fresh seeds with every run of the suite, and from the seeds that once found a fault. A failure prints what was seen, what
 * led to it, and how to see it again.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { root } from '../support/source-tree.ts';
import { MUTATIONS, placesOf } from './mutations.ts';
import { failureOf } from './trace.ts';
import { World } from './world.ts';

const FRESH_SEEDS = 20;
/** Of simulated time; what is injected in a storm of so long is some hundreds of faults. */
const FAULTY_MS = 30_000;

/**
 * Seeds that have found a fault of the product, and what it was. A change of the code changes their way, so each fault has a test of its
 * own as well: these here are worlds that were hard once.
 */
const REGRESSIONS: readonly (readonly [seed: number, faultyMs: number, what: string])[] = [
  [
    1_455_052_486,
    90_000,
    'an agent whose copy came and went was never let in again, because the copy had started once more',
  ],
  [101, 90_000, 'an acknowledgement that a full disk could not keep cut the link of its agent'],
  [1023, 90_000, 'a host that linked while the former hosts of its worker were looked up was unreachable'],
  [1_000_183, 90_000, 'a former start of an agent, written late, looked like a copy of it'],
  [2_000_068, 90_000, 'a write of before landed under the term that its server had given up and taken again'],
  [9_000_237, 90_000, 'starts that were lost held all the room of a worker, and their repetitions waited for it'],
  [9_500_406, 90_000, 'the late report of an earlier attempt was acknowledged before it was written'],
  [8_107, 90_000, 'a run that was paused and then cancelled could not be read by a new owner'],
  [8_008, 90_000, 'what was out when its run was aborted, and never began, was said to be skipped'],
  [48, 90_000, 'a link that its worker told late took the place of the newest of its agent, which then was nowhere'],
];

/** Fresh with every commit, and with every day on which somebody works on one, and the same for everybody who tries that: what fails here fails there. */
function freshSeed(): number {
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout ?? '';
  const isClean = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).stdout === '';
  const day = isClean ? '' : String(Math.floor(systemClock.nowMs() / 86_400_000));
  return createHash('sha256').update(`${commit.trim()}${day}`).digest().readUInt32BE() >>> 1;
}

describe('a fleet', () => {
  it('without faults does what it is asked', async () => {
    const outcome = await new World({ seed: 7, isCalm: true }).run();
    expect(await failureOf(outcome, { isCalm: true })).toBe('');
    expect(outcome.runs).toBeGreaterThan(1);
    expect(outcome.effects).toBe(outcome.runs);
  });

  it('goes the same way again from the same seed, and another from another', async () => {
    const digests: string[] = [];
    for (const seed of [1, 1, 2]) digests.push((await new World({ seed, faultyMs: 20_000 }).run()).digest);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  const first = freshSeed();
  it.each(Array.from({ length: FRESH_SEEDS }, (_, n) => first + n))('keeps its promises from seed %i', async (seed) => {
    const outcome = await new World({ seed, faultyMs: FAULTY_MS }).run();
    expect(await failureOf(outcome, { faultyMs: FAULTY_MS })).toBe('');
  });

  it('has the places of the faults that it is known to find', () => {
    expect(MUTATIONS.filter((mutation) => placesOf(mutation) !== 1).map(({ name }) => name)).toEqual([]);
  });

  it.each(REGRESSIONS)('still keeps its promises from seed %i (%i ms): %s', async (seed, faultyMs) => {
    const outcome = await new World({ seed, faultyMs }).run();
    expect(await failureOf(outcome, { faultyMs })).toBe('');
  });
});
