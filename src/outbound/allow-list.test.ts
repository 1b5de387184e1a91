import { describe, expect, it } from 'vitest';
import { noticeLimits } from '../base/notice-limits.ts';
import { parseAllowList } from './allow-list.ts';

describe('an allow-list', () => {
  it('that is empty allows what is public, and nothing else', () => {
    const list = parseAllowList('');
    expect(list.refusalOf('a.example', '1.1.1.1')).toBeUndefined();
    expect(list.refusalOf('a.example', '10.0.0.1')).toBe('private');
    expect(list.refusalOf('a.example', '::ffff:127.0.0.1')).toBe('loopback');
    expect(list.refusalOf('a.example', 'not an address')).toBe('reserved');
    expect(list.isNamed('a.example', '1.1.1.1')).toBe(false);
  });

  it('names networks and addresses, whatever name leads there', () => {
    const list = parseAllowList('10.1.0.0/16, 192.168.7.7\nfd00:1::/32 169.254.169.254');
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.168.7.7', 'fd00:1::7', '169.254.169.254'])
      expect([address, list.refusalOf('any.example', address)]).toEqual([address, undefined]);
    for (const address of ['10.2.0.0', '192.168.7.8', 'fd00:2::7', '169.254.170.2'])
      expect([address, list.refusalOf('any.example', address)]).not.toEqual([address, undefined]);
  });

  it("takes a name's word for private addresses, and not for a cloud's metadata, links, or many at once", () => {
    const list = parseAllowList('hooks.corp.example *.int.example localhost');
    for (const name of ['hooks.corp.example', 'HOOKS.corp.example.', 'a.int.example', 'a.b.int.example', 'localhost'])
      for (const address of ['10.0.0.1', '127.0.0.1', '100.64.0.1'])
        expect([name, list.refusalOf(name, address)]).toEqual([name, undefined]);
    for (const address of ['169.254.169.254', '169.254.1.1', 'fd00:ec2::254', 'fe80::1', '224.0.0.1', '0.0.0.0'])
      expect([address, list.refusalOf('hooks.corp.example', address)]).not.toEqual([address, undefined]);
    for (const name of ['int.example', 'xint.example', 'x-hooks.corp.example', 'hooks.corp.example.evil.example'])
      expect([name, list.refusalOf(name, '10.0.0.1')]).toEqual([name, 'private']);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0',
    '127.1',
    '*',
    '*.',
    'a..b',
    'http://a.example',
    '0x7f',
    '2130706433',
    'a.example:80',
  ])('does not take %s', (text) =>
    expect(() => parseAllowList(text)).toThrow(expect.objectContaining({ code: 'bad-input' })),
  );

  it('has a bounded number of entries', () => {
    const entries = (count: number): string => Array.from({ length: count }, (_, i) => `h${i}.example`).join(',');
    parseAllowList(entries(noticeLimits.outboundAllowedMax));
    expect(() => parseAllowList(entries(noticeLimits.outboundAllowedMax + 1))).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    );
  });
});
