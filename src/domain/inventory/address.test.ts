import { describe, expect, it } from 'vitest';
import { addressFault } from './address.ts';

describe('an address of a host', () => {
  it.each([
    'web-1',
    'web_1.example.org',
    'host.example.org.',
    '1.example.org',
    '10.0.0.1',
    '255.255.255.255',
    '0.0.0.0',
    '::1',
    '2001:db8::1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    'xn--strae-oqa.example',
  ])('may be %s', (text) => expect(addressFault(text)).toBeUndefined());

  it.each([
    ['1.2.3.4:22', 'write 1.2.3.4 alone, and 22 as the port'],
    ['web-1:2222', 'write web-1 alone, and 2222 as the port'],
    ['web-1:', 'write web-1 alone'],
    ['[::1]', 'write ::1 alone'],
    ['[2001:db8::1]:22', 'write 2001:db8::1 alone, and 22 as the port'],
    ['[web-1]:22', 'write web-1 alone, and 22 as the port'],
    ['[nothing here]:22', 'write the address alone, and 22 as the port'],
    [':22', 'write the address alone, and 22 as the port'],
    ['10.0.0.300', 'four numbers from 0 to 255'],
    ['10.0.0', 'four numbers from 0 to 255'],
    ['10.0.0.1.1', 'four numbers from 0 to 255'],
    ['010.0.0.1', 'four numbers from 0 to 255'],
    ['7', 'four numbers from 0 to 255'],
    ['2001:db8::1::2', 'no IPv6 address'],
    ['2001:db8:::22', 'no IPv6 address'],
    ['web:1:2', 'no IPv6 address'],
    ['root@web-1', 'by an account'],
    ['-oProxyCommand=x', 'a name, an IPv4 or an IPv6 address'],
    ['web 1', 'a name, an IPv4 or an IPv6 address'],
    ['a%b', 'a name, an IPv4 or an IPv6 address'],
    ['', 'a name, an IPv4 or an IPv6 address'],
    ['a'.repeat(300), 'a name, an IPv4 or an IPv6 address'],
  ])('is not %s, and it is said what to write', (text, why) => {
    expect(addressFault(text)).toContain(`${JSON.stringify(text)} is not an address: `);
    expect(addressFault(text)).toContain(why);
  });
});
