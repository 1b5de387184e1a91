import { describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { Admission, type AdmissionLimits } from './admission.ts';

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
