/**
 * The simulator: whole fleets in one process and without real time, each from a seed. The code is that of the product (domain, owner,
 * fleet, worker, agent, journal); network, disks, database and clocks are played, and fail in every way that they may.
 *
 *   npm run sim -- [--seed N] [--runs K] [--faults N] [--minutes M] [--for MS] [--trace]
 *
 * With --seed, that one (or K from there on), otherwise K fresh ones; with --faults until so many have been injected, and not for longer
 * than --minutes. Faults come for a minute and a half of simulated time, or for as long as --for says. Ends with 1 at the first violation,
 * which is printed with what led to it. `--trace` prints everything that happens.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { failureOf } from './trace.ts';
import { World } from './world.ts';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string' },
      faults: { type: 'string' },
      minutes: { type: 'string' },
      for: { type: 'string' },
      trace: { type: 'boolean' },
    },
  });
  const numbers = [
    values.seed ?? '0',
    values.runs ?? '1',
    values.faults ?? '0',
    values.for ?? '90000',
    values.minutes ?? '100000',
  ].map(Number);
  if (numbers.some((n) => !Number.isSafeInteger(n) || n < 0)) {
    process.stderr.write('sim: --seed, --runs, --faults, --minutes and --for want whole numbers\n');
    return 2;
  }
  const [, runs, faultsWanted, faultyMs, minutes] = numbers as [number, number, number, number, number];
  const first = values.seed === undefined ? randomInt(2 ** 31) : numbers[0]!;
  const beganAt = systemClock.monotonicMs();
  const sum = { worlds: 0, faults: 0, events: 0, runs: 0, effects: 0, simulatedMs: 0 };
  const kinds = new Map<string, number>();
  const onLine = values.trace ? (line: string): void => void process.stdout.write(`${line}\n`) : undefined;
  let digest = '';
  const isTimeOver = (): boolean => systemClock.monotonicMs() - beganAt > minutes * 60_000;
  while ((sum.worlds < runs || sum.faults < faultsWanted) && !isTimeOver()) {
    const outcome = await new World({ seed: first + sum.worlds, faultyMs, ...given({ onLine }) }).run();
    if (outcome.violations.length > 0) {
      process.stdout.write(`${await failureOf(outcome, { faultyMs })}\n`);
      return 1;
    }
    sum.worlds++;
    sum.faults += outcome.faultCount;
    sum.events += outcome.events;
    sum.runs += outcome.runs;
    sum.effects += outcome.effects;
    sum.simulatedMs += outcome.simulatedMs;
    for (const [kind, count] of outcome.faults) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    digest = outcome.digest;
  }
  const seconds = (systemClock.monotonicMs() - beganAt) / 1_000;
  process.stdout.write(
    `${JSON.stringify({
      sim: 'holds',
      firstSeed: first,
      ...sum,
      simulatedMs: Math.round(sum.simulatedMs),
      ...given({ digest: sum.worlds === 1 ? digest : undefined }),
      seconds: Math.round(seconds * 10) / 10,
      faultsPerSecond: Math.round(sum.faults / seconds),
      kinds: Object.fromEntries(kinds),
    })}\n`,
  );
  return 0;
}

process.exitCode = await main();
