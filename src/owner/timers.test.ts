import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timers } from './timers.ts';

/** A clock that goes on when it is told, by the steps that were asked for. */
class PlayedClock {
  now = 1_000;
  readonly #waiting: { at: number; callback: () => void }[] = [];

  get pending(): number {
    return this.#waiting.length;
  }

  monotonicMs = (): number => this.now;

  after = (delayMs: number, callback: () => void): (() => void) => {
    const one = { at: this.now + delayMs, callback };
    this.#waiting.push(one);
    return () => {
      const at = this.#waiting.indexOf(one);
      if (at >= 0) this.#waiting.splice(at, 1);
    };
  };

  /** Until then, every callback at its time. */
  goTo(at: number): void {
    for (;;) {
      const next = this.#waiting.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > at) break;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.now = next.at;
      next.callback();
    }
    this.now = at;
  }
}

describe('timers', () => {
  it('ask for no wait that a clock of the machine cannot keep', () => {
    const clock = new PlayedClock();
    const waits: number[] = [];
    const called: number[] = [];
    const DAY = 86_400_000;
    const timers = new Timers<object>(
      {
        monotonicMs: clock.monotonicMs,
        after: (ms, callback) => (waits.push(ms), clock.after(ms, callback)),
      },
      () => void called.push(clock.now),
    );
    timers.set({}, 30 * DAY);
    clock.goTo(31 * DAY);
    expect(Math.max(...waits)).toBeLessThan(2 ** 31);
    expect(waits.length).toBeLessThan(1_000);
    expect(called.every((at) => at >= 30 * DAY)).toBe(true);
    expect(called).toHaveLength(1);
  });

  it('call for the earliest first, with one timer of the clock, and for none once all are out', () => {
    const clock = new PlayedClock();
    const called: [string, number][] = [];
    const timers = new Timers<{ name: string }>(clock, ({ name }) => void called.push([name, clock.now]));
    const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name })) as [
      { name: string },
      { name: string },
      { name: string },
    ];
    timers.set(a, 5_000);
    timers.set(b, 2_000);
    timers.set(c, 3_000);
    expect(clock.pending).toBe(1);
    // Later than before, and earlier than before.
    timers.set(b, 6_000);
    timers.set(a, 1_500);
    timers.delete(c);
    clock.goTo(10_000);
    expect(called).toEqual([
      ['a', 1_500],
      ['b', 6_000],
    ]);
    expect([timers.size, clock.pending]).toEqual([0, 0]);
    timers.set(c, 11_000);
    timers.set(c, Number.POSITIVE_INFINITY);
    expect([timers.size, clock.pending]).toEqual([0, 0]);
  });

  it('call again for what sets its time anew when it is called, also when that is past', () => {
    const clock = new PlayedClock();
    let calls = 0;
    const timers = new Timers<object>(clock, (one) => {
      if (++calls < 50) timers.set(one, clock.now - 1_000);
    });
    timers.set({}, 0);
    clock.goTo(1_100);
    // Never more often than the machine can stand.
    expect(calls).toBeLessThanOrEqual(10);
    clock.goTo(5_000);
    expect(calls).toBe(50);
  });

  it('hold little of what is set and taken out again and again', () => {
    const clock = new PlayedClock();
    let called = 0;
    const timers = new Timers<object>(clock, () => void called++);
    const stays = {};
    timers.set(stays, 3_600_000);
    for (let n = 0; n < 10_000; n++) {
      const one = {};
      timers.set(one, 3_600_000 + n);
      timers.delete(one);
    }
    expect([timers.size, timers.entryCount < 2_000]).toEqual([1, true]);
    clock.goTo(4_000_000);
    expect(called).toBe(1);
  });

  it('call for each at its last time and not before, whatever was set in between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(300), fc.nat(20)), { maxLength: 100 }), (deeds) => {
        const clock = new PlayedClock();
        const things = Array.from({ length: 10 }, (_, n) => ({ n }));
        const due = new Map<number, number>();
        const timers = new Timers<{ n: number }>(clock, ({ n }) => {
          const at = due.get(n);
          if (at === undefined || clock.now < at || clock.now > at + 10) throw new Error(`${n} at ${clock.now}: ${at}`);
          due.delete(n);
        });
        for (const [n, laterMs, passMs] of deeds) {
          if (laterMs % 7 === 0) {
            timers.delete(things[n]!);
            due.delete(n);
          } else {
            timers.set(things[n]!, clock.now + laterMs);
            due.set(n, clock.now + laterMs);
          }
          clock.goTo(clock.now + passMs);
        }
        clock.goTo(clock.now + 1_000);
        if (due.size > 0 || timers.size > 0) throw new Error(`${due.size} were never called`);
      }),
    );
  });
});
