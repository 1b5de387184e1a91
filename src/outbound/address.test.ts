import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin, parseAddress, parseNetwork, placeOf, type Place } from './address.ts';

const PLACES: readonly (readonly [Place, readonly string[]])[] = [
  ['public', ['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '172.15.255.255', '172.32.0.0']],
  ['public', ['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255', '2606:4700::1111']],
  ['public', ['2001:4860:4860::8888', '2a00::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '::ffff:808:808']],
  [
    'private',
    ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fd12::1', 'fc00::', 'fec0::1'],
  ],
  ['private', ['::ffff:10.0.0.1', '::ffff:a00:1', '0:0:0:0:0:ffff:192.168.1.1', '64:ff9b::10.0.0.1', '64:ff9b::a00:1']],
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '64:ff9b::127.0.0.1']],
  ['shared', ['100.64.0.0', '100.127.255.255', '::ffff:100.64.0.1']],
  ['link-local', ['169.254.0.1', '169.254.255.255', 'fe80::1', 'febf::1', '::ffff:169.254.1.1']],
  ['metadata', ['169.254.169.254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '169.254.170.2', '100.100.100.200']],
  ['metadata', ['168.63.129.16', '192.0.0.192', 'fd00:ec2::254', '64:ff9b::169.254.169.254']],
  ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1', '::ffff:224.0.0.1']],
  [
    'reserved',
    ['0.0.0.0', '0.1.2.3', '192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '240.0.0.1'],
  ],
  [
    'reserved',
    ['255.255.255.255', '::', '::10.0.0.1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', '100::1', '4000::1'],
  ],
];

describe('an address', () => {
  it.each(PLACES.flatMap(([place, texts]) => texts.map((text) => [text, place] as const)))('%s is %s', (text, place) =>
    expect(placeOf(parseAddress(text)!)).toBe(place),
  );

  it.each([
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '1.2.3',
    '1.2.3.4.5',
    '::1%lo',
    'fe80::1%eth0',
    '[::1]',
    '::g',
  ])('%s is none', (text) => expect(parseAddress(text)).toBeUndefined());

  it('is the same however it is written', () =>
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const plain = parseAddress(text)!;
        const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number];
        const groups = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        expect(parseAddress(`::ffff:${text}`)).toEqual(plain);
        expect(parseAddress(`0:0:0:0:0:FFFF:${groups}`)).toEqual(plain);
      }),
    ));

  it('is read whole: a URL writes it in its shortest form, and means the same', () =>
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const shortest = new URL(`http://[${text}]`).hostname.slice(1, -1);
        expect(parseAddress(shortest)).toEqual(parseAddress(text));
      }),
    ));
});

describe('a network', () => {
  it('holds what has its first bits', () => {
    const network = parseNetwork('10.1.128.0/17')!;
    expect(isWithin(parseAddress('10.1.255.255')!, network)).toBe(true);
    expect(isWithin(parseAddress('10.1.127.255')!, network)).toBe(false);
    expect(isWithin(parseAddress('::ffff:10.1.200.1')!, network)).toBe(true);
    expect(isWithin(parseAddress('::1')!, parseNetwork('0.0.0.0/0')!)).toBe(false);
    expect(parseNetwork('::ffff:10.1.0.0/112')).toEqual(parseNetwork('10.1.0.0/16'));
  });

  it.each(['10.0.0.0/33', 'fd00::/129', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', 'x/8', '/8', '::ffff:10.0.0.0/8'])(
    '%s is none',
    (text) => expect(parseNetwork(text)).toBeUndefined(),
  );
});
