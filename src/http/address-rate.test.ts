import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { networkOf } from '../base/network.ts';
import { AddressRate } from './address-rate.ts';

function clockAt(at: { ms: number }): Clock {
  return { nowMs: () => at.ms, monotonicMs: () => at.ms, after: () => () => undefined, soon() {} };
}

describe('the rate of an address', () => {
  it('is a burst, then so many a second, for each address by itself', () => {
    const at = { ms: 0 };
    const rate = new AddressRate({ clock: clockAt(at), perSecond: 2, burst: 3 });
    expect([1, 2, 3, 4].map(() => rate.take('10.0.0.1'))).toEqual([0, 0, 0, 1]);
    expect(rate.take('10.0.0.2')).toBe(0);
    expect(['10.0.0.1', '10.0.0.3'].map((address) => rate.hasLeft(address))).toEqual([false, true]);
    at.ms = 500;
    expect(rate.hasLeft('10.0.0.1')).toBe(true);
    expect([1, 2].map(() => rate.take('10.0.0.1'))).toEqual([0, 1]);
  });

  it('remembers the addresses heard last, and no more than it may', () => {
    const rate = new AddressRate({ clock: clockAt({ ms: 0 }), perSecond: 1, burst: 1, addressesMax: 100 });
    for (let i = 0; i < 1_000; i++) {
      rate.take(`10.0.${i >> 8}.${i & 255}`);
      if (i > 0) expect(rate.take('192.0.2.1')).toBe(i === 1 ? 0 : 1);
    }
    expect(rate.size).toBe(100);
  });

  it.each([
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['2001:0db8:0:0:1::', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ])('of %s is that of %s', (address, network) => expect(networkOf(address)).toBe(network));
});
