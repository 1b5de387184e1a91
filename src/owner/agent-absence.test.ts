import { expect, it } from 'vitest';
import { newId, type HostId } from '../base/ids.ts';
import { AgentAbsence } from './agent-absence.ts';

const [a, b, c] = [1, 2, 3].map(() => newId<'host'>() as HostId) as [HostId, HostId, HostId];

function world(): {
  absence: AgentAbsence;
  reads: HostId[][];
  without: Set<HostId>;
  answer: () => Promise<void>;
  break: () => void;
} {
  const reads: HostId[][] = [];
  const without = new Set<HostId>();
  let end = Promise.withResolvers<void>();
  const absence = new AgentAbsence({
    async hostsWithoutAgent(ids) {
      reads.push([...ids]);
      await end.promise;
      return ids.filter((id) => without.has(id));
    },
  });
  const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const settle = (how: 'resolve' | 'reject'): Promise<void> => {
    if (how === 'resolve') end.resolve();
    else end.reject(new Error('away'));
    end = Promise.withResolvers();
    return next();
  };
  return { absence, reads, without, answer: () => settle('resolve'), break: () => void settle('reject') };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('is asked of the store once for all hosts that are asked about together', async () => {
  const { absence, reads, without, answer } = world();
  without.add(b);
  expect([a, b, a].map((host) => absence.of(host))).toEqual(['unsure', 'unsure', 'unsure']);
  await turn();
  // While it is read, another waits for the next.
  expect(absence.of(c)).toBe('unsure');
  await answer();
  expect([absence.of(a), absence.of(b), absence.of(c)]).toEqual([false, true, 'unsure']);
  await turn();
  await answer();
  expect([absence.of(c), absence.of(a)]).toEqual([false, false]);
  expect(reads).toEqual([[a, b], [c]]);
});

it('is looked at anew once it was told, for an agent may have come since', async () => {
  const { absence, without, answer } = world();
  without.add(a);
  absence.of(a);
  await turn();
  await answer();
  expect(absence.of(a)).toBe(true);
  without.delete(a);
  expect(absence.of(a)).toBe('unsure');
  await turn();
  await answer();
  expect(absence.of(a)).toBe(false);
});

it('stays unsure while the store cannot be read, and is asked again', async () => {
  const { absence, reads, without, answer, break: fail } = world();
  without.add(a);
  absence.of(a);
  await turn();
  fail();
  await turn();
  expect(absence.of(a)).toBe('unsure');
  await turn();
  await answer();
  expect([absence.of(a), reads.length]).toEqual([true, 2]);
});
