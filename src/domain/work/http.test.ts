import { describe, expect, it } from 'vitest';
import { callLimits } from '../../base/call-limits.ts';
import { httpWork } from '../../../test/support/call-rig.ts';
import type { HttpWork } from './http.ts';
import { secretNamesOf, storedWork, withCallTexts, workFaults, workOf } from './work.ts';

const URL_OF = 'https://api.example/';
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

function faultsOf(
  more: Partial<HttpWork>,
  url: Parameters<typeof httpWork>[0] = URL_OF,
  secrets: Record<string, string> = {},
): string[] {
  return workFaults(httpWork(url, more), { secrets }).map(({ pointer, detail }) => `${pointer}: ${detail}`);
}

describe('a request over HTTP', () => {
  it('is kept with its kind and version, without what is absent, and read as it was', () => {
    const whole = httpWork([URL_OF, { secret: 'KEY' }], {
      method: 'POST',
      headers: { A: ['x ', { step: 'a.b', output: 'c' }] },
      body: { form: 'json', text: ['{}'] },
      tls: { authorities: PEM, serverName: 'api' },
      extract: { id: '/id' },
    });
    for (const work of [whole, httpWork(URL_OF)]) expect(workOf(storedWork(work))).toEqual(work);
    expect(storedWork(httpWork(URL_OF))).toEqual({
      v: 1,
      kind: 'http',
      method: 'GET',
      url: [URL_OF],
      headers: {},
      redirects: 5,
      extract: {},
    });
    expect(() => workOf({ ...storedWork(whole), v: 2 })).toThrow('version 2');
  });

  it('names the secrets of all its texts, and has each of them replaced', () => {
    const secret = (name: string) => ({ secret: name });
    const work = httpWork([URL_OF, secret('A')], {
      headers: { h: [secret('B'), secret('A')] },
      body: { form: 'text', text: [secret('C')] },
    });
    expect(secretNamesOf(work)).toEqual(['A', 'B', 'C']);
    expect(withCallTexts(work, () => ['x'])).toEqual({
      ...work,
      url: ['x'],
      headers: { h: ['x'] },
      body: { form: 'text', text: ['x'] },
    });
  });

  it.each([
    'api.example/x',
    'ftp://api.example/',
    'file:///etc/passwd',
    'https://user@api.example/',
    'https://user:hunter2@api.example/',
    'https://api.example/#part',
    'https://',
    '',
  ])('is not of the URL %j, and the fault does not repeat it', (url) => {
    const [fault, ...others] = faultsOf({}, url);
    expect(others).toEqual([]);
    expect(fault).toMatch(/^#\/http\/url: The URL /);
    expect(fault).not.toMatch(/hunter2|passwd/);
  });

  it.each([
    [[{ secret: 'A' }, '/x']],
    [['https://', { secret: 'A' }, '/x']],
    [['https://api.example', { secret: 'A' }]],
    [['https://api.example:', { value: '1' }, '/']],
    [['https:/', { step: 'a.b', output: 'c' }]],
  ])('is asked of whom the job says: nothing that comes late is a part of %j', (url) => {
    expect(faultsOf({}, url)).toHaveLength(1);
  });

  it('takes what comes late behind the host, in a path or a query', () => {
    for (const end of ['/', '?', '/a/b?c='])
      expect(faultsOf({}, [`https://api.example${end}`, { secret: 'A' }])).toEqual([]);
  });

  it('says what is wrong with headers', () => {
    expect(faultsOf({ headers: { 'X-One': ['é ok'] } })).toEqual([]);
    for (const name of [
      'a b',
      '',
      'a:b',
      'Host',
      'content-length',
      'Transfer-Encoding',
      'accept-encoding',
      'connection',
    ])
      expect(faultsOf({ headers: { [name]: ['x'] } })).toHaveLength(1);
    expect(faultsOf({ headers: { A: ['1'], a: ['2'] } })).toEqual([
      '#/http/headers/a: There is a header a before this one.',
    ]);
    for (const value of ['a\nb', 'a\rb', '\x7f', '\0']) expect(faultsOf({ headers: { a: [value] } })).toHaveLength(1);
  });

  it('says what is wrong with its body, TLS and pointers', () => {
    const body = { form: 'text', text: ['x'] } as const;
    expect(faultsOf({ method: 'HEAD', body })).toEqual(['#/http/body: HEAD sends no body.']);
    expect(faultsOf({ method: 'HEAD', extract: { a: '/a' } })).toHaveLength(1);
    expect(faultsOf({ tls: { authorities: PEM, serverName: 'api.example' } })).toEqual([]);
    expect(faultsOf({ tls: { isUnproved: true } }, 'http://api.example/')).toHaveLength(1);
    for (const tls of [
      { authorities: 'x' },
      { serverName: 'a b' },
      { serverName: 'x'.repeat(254) },
      { isUnproved: true, authorities: PEM },
    ] as const)
      expect(faultsOf({ tls })).toHaveLength(1);
    for (const pointer of ['', '/', '/a/0/b', '/a~0b~1c', '/ä'])
      expect(faultsOf({ extract: { v: pointer } })).toEqual([]);
    for (const pointer of ['a', 'a/b', '/a~', '/a~2']) expect(faultsOf({ extract: { v: pointer } })).toHaveLength(1);
    for (const name of ['status', '1a', 'a-b', '']) expect(faultsOf({ extract: { [name]: '/a' } })).toHaveLength(1);
  });

  it('tells secrets that cannot be masked, of those that it is given', () => {
    const url = [URL_OF, { secret: 'A' }];
    expect(faultsOf({}, url, { A: 'long enough', B: 'x' })).toEqual([]);
    expect(faultsOf({}, url, { A: 'x' })).toEqual([expect.stringContaining('#/secrets/A: ')]);
  });

  const times = (count: number): Record<string, string[]> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, ['x']]));
  const pointers = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, '/x']));
  it.each<[name: string, max: number, of: (size: number) => string[]]>([
    ['URL', callLimits.callUrlLengthMax, (size) => faultsOf({}, URL_OF.padEnd(size, 'x'))],
    ['headers', callLimits.callHeadersMax, (size) => faultsOf({ headers: times(size) })],
    ['header', callLimits.callHeaderBytesMax, (size) => faultsOf({ headers: { a: ['x'.repeat(size - 1)] } })],
    ['body', callLimits.callBodyBytesMax, (size) => faultsOf({ body: { form: 'text', text: ['x'.repeat(size)] } })],
    [
      'authorities',
      callLimits.callAuthoritiesBytesMax,
      (size) => faultsOf({ tls: { authorities: PEM.padEnd(size, 'x') } }),
    ],
    ['values', callLimits.callExtractsMax, (size) => faultsOf({ extract: pointers(size) })],
    ['pointer', callLimits.callPointerLengthMax, (size) => faultsOf({ extract: { a: '/'.padEnd(size, 'x') } })],
  ])('is taken with a %s of %i, and not with one more', (_name, max, of) => {
    expect(of(max)).toEqual([]);
    expect(of(max + 1)).toHaveLength(1);
  });
});
