import { describe, expect, it } from 'vitest';
import { inOrder, parseOrder } from './order.ts';

const HOSTS = ['a1:x', 'a2:y', 'a3:x', 'a4:', 'a5:y', 'a6:x'].map((text) => {
  const [name, zone] = text.split(':') as [string, string];
  return { name, labels: zone === '' ? {} : { zone } };
});
function names(text: string, seed = 1): string {
  return inOrder(HOSTS, parseOrder(text)!, seed)
    .map(({ name }) => name.slice(1))
    .join('');
}

describe('the order of hosts', () => {
  it('is that of names, of the values of a label, or mixed by them', () => {
    expect(names('name')).toBe('123456');
    expect(names('label:zone')).toBe('136254');
    expect(names('spread:zone')).toBe('124356');
    expect(names('label:none')).toBe('123456');
  });

  it('is any order, and the same again from the same seed', () => {
    expect(names('random:7')).toBe(names('random:7', 9));
    expect(names('random', 3)).toBe(names('random:3'));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => names('random', seed))).size).toBeGreaterThan(10);
    expect([...names('random')].sort().join('')).toBe('123456');
  });

  it.each(['', 'label:', 'spread', 'name:x', 'random:x', 'random:1:2', 'random:99999999999', 'tree'])(
    'refuses %j',
    (text) => expect(parseOrder(text)).toBeUndefined(),
  );
});
