import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { Admission, longRequestAdmission, requestAdmission, type AdmissionLimits } from './admission.ts';

const small: AdmissionLimits = { atOnceMax: 1, waitingMax: 4, waitingBytesMax: 1_000, waitMsMax: 60_000 };

/** Works that end when they are told to; `order` says in which order they were let in. */
function world(admissionLimits: AdmissionLimits) {
  const admission = new Admission(systemClock, admissionLimits);
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (name: string, bytes = 0): Promise<string> =>
    admission
      .run(name[0]!, bytes, () => {
        order.push(name);
        return new Promise<string>((resolve) => ends.push(() => resolve('done')));
      })
      .catch((error: { code: string; retryAfterS: number }) => `${error.code} ${error.retryAfterS > 0}`);
  const settle = async (): Promise<void> => {
    while (ends.length > 0) {
      ends.shift()!();
      await new Promise(setImmediate);
    }
  };
  return { admission, order, ask, settle };
}

describe('admission', () => {
  it('takes callers by turns, each of them in the order of asking', async () => {
    const { order, ask, settle } = world({ ...small, waitingMax: 10 });
    const asked = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => ask(name));
    await settle();
    expect(await Promise.all(asked)).toEqual(Array(7).fill('done'));
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  it('refuses the newest of whoever has most when there is no place', async () => {
    const { order, ask, settle } = world(small);
    const asked = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b1'].map((name) => ask(name));
    await settle();
    expect(await Promise.all(asked)).toEqual([
      'done',
      'done',
      'done',
      'done',
      'overloaded true',
      'overloaded true',
      'done',
    ]);
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3', 'a4']);
  });

  it('bounds what the waiting hold', async () => {
    const { admission, ask, settle } = world(small);
    const asked = [ask('a1', 900), ask('a2', 700), ask('b1', 200), ask('a3', 200)];
    expect(admission.figures).toEqual({ inside: 1, waiting: 2, waitingBytes: 900 });
    await settle();
    expect(await Promise.all(asked)).toEqual(['done', 'done', 'done', 'overloaded true']);
    expect(admission.figures).toEqual({ inside: 0, waiting: 0, waitingBytes: 0 });
  });

  it('refuses who has waited too long, and gives the place of work that failed to the next', async () => {
    const admission = new Admission(systemClock, { ...small, waitMsMax: 5 });
    let fail: (error: Error) => void = () => undefined;
    const first = admission.run('a', 0, () => new Promise((_resolve, reject) => (fail = reject)));
    await expect(admission.run('b', 0, async () => 'never')).rejects.toMatchObject({ code: 'overloaded' });
    const second = admission.run('c', 0, async () => 'its turn');
    fail(new Error('broke'));
    await expect(first).rejects.toThrow('broke');
    expect(await second).toBe('its turn');
    expect(admission.figures).toEqual({ inside: 0, waiting: 0, waitingBytes: 0 });
  });
});

describe('the places of a server', () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  /** What became of so many asks of one caller, each of so many bytes, as far as it is known at once. */
  async function refusedOf(admission: Admission, asks: number, bytes = 0): Promise<number> {
    let refused = 0;
    for (let i = 0; i < asks; i++) void admission.run('a', bytes, never).catch(() => refused++);
    await new Promise(setImmediate);
    return refused;
  }

  it('are as many as may be carried out at once, and then as many as may wait; one more is refused', async () => {
    const admission = new Admission(systemClock);
    expect(await refusedOf(admission, limits.requestsAtOnceMax)).toBe(0);
    expect(admission.figures).toMatchObject({ inside: limits.requestsAtOnceMax, waiting: 0 });
    expect(await refusedOf(admission, limits.requestsWaitingMax)).toBe(0);
    expect(admission.figures).toMatchObject({ inside: limits.requestsAtOnceMax, waiting: limits.requestsWaitingMax });
    expect(await refusedOf(admission, 1)).toBe(1);
  });

  it('hold as many bytes as those who wait may hold, and not one more', async () => {
    const admission = new Admission(systemClock, { ...requestAdmission, atOnceMax: 1 });
    expect(await refusedOf(admission, 1)).toBe(0);
    expect(await refusedOf(admission, 1, limits.requestsWaitingBytesMax)).toBe(0);
    expect(await refusedOf(admission, 1, 1)).toBe(1);
  });

  it('are waited for until it has been too long, and no longer', async () => {
    const timers: { delayMs: number; callback: () => void }[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, callback) => {
        timers.push({ delayMs, callback });
        return () => undefined;
      },
    };
    const admission = new Admission(clock, { ...requestAdmission, atOnceMax: 1 });
    void admission.run('a', 0, never);
    const late = admission.run('b', 0, never);
    expect(timers.map(({ delayMs }) => delayMs)).toEqual([limits.requestWaitMsMax]);
    timers[0]!.callback();
    await expect(late).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('of long requests are some for one token, and some in all', () => {
    const admission = new Admission(systemClock, longRequestAdmission);
    const ask = (caller: string, count: number): void => {
      for (let i = 0; i < count; i++) void admission.run(caller, 0, never).catch(() => undefined);
    };
    ask('a', limits.longRequestsPerTokenMax);
    expect(admission.figures.waiting).toBe(0);
    ask('a', 1);
    expect(admission.figures).toMatchObject({ inside: limits.longRequestsPerTokenMax, waiting: 1 });
    const others = limits.longRequestsAtOnceMax - limits.longRequestsPerTokenMax;
    for (let i = 0; i < others; i++) ask(`b${i}`, 1);
    expect(admission.figures).toMatchObject({ inside: limits.longRequestsAtOnceMax, waiting: 1 });
    ask('c', 1);
    expect(admission.figures).toMatchObject({ inside: limits.longRequestsAtOnceMax, waiting: 2 });
  });
});
