import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { SenderRoom } from './sender-room.ts';

it('has room for so much of each sender, and for more when some has left', () => {
  const room = new SenderRoom(limits.runLoadsPerSenderMax);
  const entered = Array.from({ length: limits.runLoadsPerSenderMax + 1 }, () => room.enter('a'));
  expect(entered.filter(Boolean)).toHaveLength(limits.runLoadsPerSenderMax);
  expect(room.enter('b')).toBe(true);
  room.leave('a');
  expect([room.enter('a'), room.enter('a')]).toEqual([true, false]);
});
