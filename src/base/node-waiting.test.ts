import { expect, it } from 'vitest';
import { systemClock, type Clock } from './clock.ts';
import { Waiting } from './node-waiting.ts';

/** A clock that is moved by hand; calls come in the order of their times. */
function watch(): Clock & { pass(ms: number): void } {
  let now = 0;
  const calls = new Set<{ at: number; callback: () => void }>();
  return {
    ...systemClock,
    monotonicMs: () => now,
    after(delayMs, callback) {
      const call = { at: now + delayMs, callback };
      calls.add(call);
      return () => void calls.delete(call);
    },
    pass(ms) {
      for (const end = now + ms; now < end; now++)
        for (const call of [...calls].filter(({ at }) => at <= now)) {
          calls.delete(call);
          call.callback();
        }
    },
  };
}

it('is never silent for longer than two seconds, and ends each step with its line', () => {
  const clock = watch();
  let told = '';
  const waiting = new Waiting({ clock, isWatched: false, write: (text) => void (told += text) });
  waiting.step('Starting PostgreSQL …');
  for (let second = 2; second <= 6; second += 2) {
    const before = told.length;
    clock.pass(2_001);
    expect(told.length).toBeGreaterThan(before);
  }
  waiting.step('Starting the server …');
  waiting.end();
  waiting.end();
  clock.pass(10_000);
  expect(told).toBe('Starting PostgreSQL …...\nStarting the server …\n');
});

it('draws the seconds over on a terminal', () => {
  const clock = watch();
  const told: string[] = [];
  const waiting = new Waiting({ clock, isWatched: true, write: (text) => void told.push(text) });
  waiting.step('Starting …');
  clock.pass(2_003);
  expect(told).toEqual(['Starting …', '\r\u001b[KStarting … 1 s', '\r\u001b[KStarting … 2 s']);
});
