import { expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { DownloadPlaces } from './download-places.ts';

/** A clock whose alarms a test lets go off, all that are set, with `ring`. */
function handClock(): { clock: Clock; ring(): void } {
  const alarms = new Set<() => void>();
  return {
    clock: {
      ...systemClock,
      after(_ms, callback) {
        alarms.add(callback);
        return () => void alarms.delete(callback);
      },
    },
    ring() {
      const due = [...alarms];
      alarms.clear();
      for (const callback of due) callback();
    },
  };
}

it('who takes less than the least pace from one look to the next is cut, and only then', () => {
  const { clock, ring } = handClock();
  const places = new DownloadPlaces(clock);
  const readers = [limits.packageStepBytesMin, limits.packageStepBytesMin - 1].map((pace) => ({
    pace,
    bytes: 0,
    cuts: 0,
  }));
  for (const reader of readers)
    places.take({ address: '10.0.0.1' }, { taken: () => reader.bytes, cut: () => void reader.cuts++ });
  for (let look = 0; look < 3; look++) {
    for (const reader of readers) reader.bytes += reader.pace;
    ring();
  }
  expect(readers.map(({ cuts }) => cuts)).toEqual([0, 1]);
});

it('a place that is given back is free once, and nobody looks at its reader any more', () => {
  const { clock, ring } = handClock();
  const places = new DownloadPlaces(clock, {
    perServerMax: 2,
    perAddressMax: 1,
    perAgentMax: 1,
    stepMs: 1,
    stepBytesMin: 1,
  });
  let cuts = 0;
  const take = (address: string): (() => void) => places.take({ address }, { taken: () => 0, cut: () => void cuts++ });
  const leave = take('10.0.0.1');
  expect(() => take('10.0.0.1')).toThrow();
  const leaveOther = take('10.0.0.2');
  expect(() => take('10.0.0.3')).toThrow();
  leave();
  leave();
  const leaveAgain = take('10.0.0.1');
  expect(() => take('10.0.0.3')).toThrow();
  leaveOther();
  leaveAgain();
  ring();
  expect(cuts).toBe(0);
});

it('an agent that shows who it is has places of its own, so many and no more, whoever else is at its address', () => {
  const { clock } = handClock();
  const places = new DownloadPlaces(clock);
  const take = (agentId?: string): (() => void) =>
    places.take({ address: '10.0.0.1', agentId }, { taken: () => 0, cut: () => undefined });
  for (let n = 0; n < limits.packageDownloadsPerAddressMax; n++) take();
  expect(() => take()).toThrow(expect.objectContaining({ code: 'too-many-requests' }));
  for (let n = 0; n < limits.packageDownloadsPerAgentMax; n++) take('one');
  expect(() => take('one')).toThrow(expect.objectContaining({ code: 'too-many-requests' }));
  take('another')();
});
