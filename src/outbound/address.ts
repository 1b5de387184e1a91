/** Addresses of IP as numbers, their networks, and what kind of place an address is. */
import { isIP } from 'node:net';

export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Network extends Address {
  /** Bits that all its addresses have in common. */
  readonly bits: number;
}

/** Undefined for what is no address, or one with a zone. An IPv4 address within IPv6 (`::ffff:10.0.0.1`) is that IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  switch (isIP(text)) {
    case 4:
      return { family: 4, value: valueOf4(text) };
    case 6: {
      if (text.includes('%')) return undefined;
      const value = valueOf6(text);
      return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
    }
    default:
      return undefined;
  }
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. Undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [base, bits, ...more] = text.split('/');
  if (more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const isMapped = isIP(base!) === 6 && parseAddress(base!)?.family === 4;
  const address = parseAddress(base!);
  if (!address) return undefined;
  const width = address.family === 4 ? 32 : 128;
  const own = bits === undefined ? width : Number(bits) - (isMapped ? 96 : 0);
  if (own < 0 || own > width) return undefined;
  const shift = BigInt(width - own);
  return { family: address.family, value: (address.value >> shift) << shift, bits: own };
}

export function isWithin(address: Address, network: Network): boolean {
  const shift = BigInt((network.family === 4 ? 32 : 128) - network.bits);
  return address.family === network.family && address.value >> shift === network.value >> shift;
}

/** What stands there, as far as the address tells. Only what is public is everybody's to speak to. */
export type Place = 'public' | 'private' | 'loopback' | 'shared' | 'link-local' | 'metadata' | 'multicast' | 'reserved';

/** The first that fits counts. Whatever of IPv6 is in none of them and outside of 2000::/3 is reserved. */
const PLACES: readonly (readonly [Exclude<Place, 'public'>, readonly string[]])[] = [
  // Where clouds tell their machines who they are, with their credentials.
  [
    'metadata',
    [
      '169.254.169.254',
      '169.254.170.2',
      '169.254.170.23',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      'fd00:ec2::/32',
    ],
  ],
  ['loopback', ['127.0.0.0/8', '::1']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10']],
  // Carriers' networks behind one address, and many VPNs.
  ['shared', ['100.64.0.0/10']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  [
    'reserved',
    [
      '0.0.0.0/8',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '240.0.0.0/4',
      // Ways into IPv4 (Teredo, 6to4), benchmarks, ORCHID, examples.
      '2001::/23',
      '2001:db8::/32',
      '2002::/16',
      '3fff::/20',
    ],
  ],
];
const NETWORKS = PLACES.flatMap(([place, networks]) =>
  networks.map((text) => ({ place, network: parseNetwork(text)! })),
);
const GLOBAL_6 = parseNetwork('2000::/3')!;
/** An IPv4 address behind a translator. */
const TRANSLATED = parseNetwork('64:ff9b::/96')!;

export function placeOf(address: Address): Place {
  if (isWithin(address, TRANSLATED)) return placeOf({ family: 4, value: address.value & 0xffff_ffffn });
  const known = NETWORKS.find(({ network }) => isWithin(address, network));
  if (known) return known.place;
  return address.family === 4 || isWithin(address, GLOBAL_6) ? 'public' : 'reserved';
}

function valueOf4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n);
}

function valueOf6(text: string): bigint {
  const last = text.slice(text.lastIndexOf(':') + 1);
  const plain = last.includes('.') ? text.slice(0, -last.length) + groupsOf4(last) : text;
  const [head = '', tail] = plain.split('::');
  const [front, back] = [head, tail ?? ''].map((half) => (half === '' ? [] : half.split(':')));
  const zeros = tail === undefined ? 0 : 8 - front!.length - back!.length;
  return [...front!, ...Array<string>(zeros).fill('0'), ...back!].reduce(
    (value, group) => (value << 16n) | BigInt(Number.parseInt(group, 16)),
    0n,
  );
}

function groupsOf4(text: string): string {
  const value = valueOf4(text);
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}
