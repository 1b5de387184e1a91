import { expect, it } from 'vitest';
import { OwnRoom } from './own-room.ts';

const total = { milliCpus: 4_000, memoryMiB: 8_192, diskMiB: 1_000 };
const needs = { milliCpus: 2_000, memoryMiB: 1_024, diskMiB: 0 };

it('promises no more than there is, each part once, and tells what is left of it and of what others use', () => {
  const machine = { total, freeMemoryMiB: 3_000, freeDiskMiB: 500, loadMilliCpus: 700 };
  const room = new OwnRoom(() => machine);
  expect([room.promise('a', needs), room.promise('a', needs), room.promise('b', needs)]).toEqual([true, true, true]);
  expect(room.told()).toEqual({
    total,
    free: { milliCpus: 0, memoryMiB: 3_000, diskMiB: 500 },
    loadMilliCpus: 700,
  });
  expect(room.promise('c', needs)).toBe(false);
  room.release('a');
  room.release('never');
  expect(room.promise('c', { ...needs, memoryMiB: 3_001 })).toBe(false);
  expect(room.promise('c', { ...needs, memoryMiB: 3_000 })).toBe(true);
  expect(room.promise('d', { milliCpus: 0, memoryMiB: 0, diskMiB: 501 })).toBe(false);
});
