/** What is made of a key that a host shows. */
import { expect, it } from 'vitest';
import { limits } from '../../../base/limits.ts';
import { settleHostKey } from './host-key.ts';

const hop = {
  hostId: 'h',
  address: '127.0.0.1',
  port: 22,
  user: 'ops',
  credentials: [],
  hostKeyPolicy: 'first-use' as const,
  knownHostKeys: [],
};

it('a key that is larger than any is refused, and no server is told of it: a frame could not hold it', async () => {
  const told: number[] = [];
  const refused: string[] = [];
  const settle = (bytes: number): Promise<boolean> =>
    settleHostKey(
      hop,
      Buffer.alloc(bytes, 1),
      async (_hostId, { key }) => {
        told.push(key.length);
        return 'recorded';
      },
      ({ code }) => void refused.push(code),
    );
  const { hostKeyBytesMax } = limits;
  expect(await settle(hostKeyBytesMax + 1)).toBe(false);
  expect([told, refused]).toEqual([[], ['ssh-host-key-unknown']]);
  expect(await settle(hostKeyBytesMax)).toBe(true);
  expect(told).toEqual([hostKeyBytesMax]);
});
