import { describe, expect, it } from 'vitest';
import { withoutSecrets } from './without-secrets.ts';

const PATH = '/services/T0PLANTED/B0+PLANTED?key=PLANT+ED-key-1&token=a%2fPLANTED%2dx&loose-PLANTED';
const endpoint = { url: `https://hooks.example${PATH}`, secret: 'whsec_PLANTED"secret<12345' };
const entities = (text: string, of: (sign: string) => string): string =>
  text.replace(/[^A-Za-z0-9]/g, (sign) => of(sign));

describe('of what a far end repeats of a URL, nothing is told', () => {
  const query = PATH.slice(PATH.indexOf('?') + 1).split('&');
  it.each([
    ['as it was sent', PATH],
    ['by its path', PATH.slice(0, PATH.indexOf('?'))],
    ['in JSON', JSON.stringify({ path: PATH }).replaceAll('/', '\\/')],
    [
      'in JSON of careful writers',
      PATH.replaceAll('&', '\\u0026').replaceAll('=', '\\u003D').replaceAll('+', '\\u002b'),
    ],
    ['in capitals', PATH.toUpperCase()],
    ['in small letters', PATH.toLowerCase()],
    ['in hexadecimal', Buffer.from(PATH).toString('hex')],
    ['in Base64', Buffer.from(PATH).toString('base64')],
    ['in Base64, within something longer', Buffer.from(`GET ${PATH} HTTP/1.1`).toString('base64')],
    ['in a page', PATH.replaceAll('&', '&#38;').replaceAll('+', '&#43;')],
    ['in a page of a careful writer', entities(PATH, (sign) => `&#x${sign.charCodeAt(0).toString(16)};`)],
    ['in a page, of values that are read', entities(decodeURIComponent(PATH), (sign) => `&#${sign.charCodeAt(0)};`)],
    ['in a URL', encodeURIComponent(PATH)],
    ['in a URL of a URL', encodeURIComponent(encodeURIComponent(PATH))],
    ['value by value, as sent', query.map((pair) => pair.split('=').at(-1)).join(' | ')],
    ['value by value, as meant', [...new URL(endpoint.url).searchParams].flat().join(' | ')],
    ['value by value, in a page', entities(query[0]!.split('=')[1]!, (sign) => `&#${sign.charCodeAt(0)};`)],
  ])('%s', (_how, said) => {
    const told = withoutSecrets(`404: no ${said} here`, endpoint);
    expect(told).toMatch(/^404: no .*\*{6}.* here$/s);
    for (const text of [told, Buffer.from(told, 'base64').toString(), Buffer.from(told, 'hex').toString()])
      expect(text).not.toMatch(/plant/i);
    expect(told).not.toMatch(/504c414e54|UExBT|BMQU5U|QTEFOV/i);
  });
});

it('of secrets and logins neither', () => {
  for (const said of [
    endpoint.secret,
    endpoint.secret.slice('whsec_'.length),
    JSON.stringify(endpoint.secret),
    'whsec_PLANTED&quot;secret&lt;12345',
    Buffer.from(endpoint.secret).toString('base64url'),
  ])
    expect(withoutSecrets(`no ${said} here`, endpoint)).not.toMatch(/PLANT|12345|MTIzN/);
  const login = { user: 'drover', password: 'pä55' };
  const [plain, word] = [`\0${login.user}\0${login.password}`, login.password].map((text) =>
    Buffer.from(text).toString('base64'),
  );
  expect(withoutSecrets(`${plain} ${word} pä55 PÄ55 p%C3%A455 ${plain!.toLowerCase()} drover`, login)).toBe(
    '****** ****** ****** ****** ****** ****** drover',
  );
});

it('leaves all else as it is, also what is escaped there', () => {
  const said = '{"error":"no such robot \\u00e4 %zz &amp; \\/ häß 🙂 access_token","key":1}';
  expect(withoutSecrets(said, { url: 'https://hooks.example/robot/send?access_token=0123456789abcdef' })).toBe(said);
  expect(withoutSecrets(said, {})).toBe(said);
});

it('reads the largest answer that is read against the longest URL in little more time than a small one for its size', () => {
  const url = `https://hooks.example/${'ab%2f'.repeat(400)}`;
  const masks = (text: string): void => void withoutSecrets(text, { url });
  const time = (work: () => void): number => {
    const began = process.cpuUsage().user;
    work();
    return process.cpuUsage().user - began;
  };
  const [small, large] = ['&#38;%25'.repeat(256), '&#38;%25'.repeat(8_192)];
  masks(small);
  const floor = Math.min(...[1, 2, 3].map(() => time(() => masks(small))));
  expect(Math.min(...[1, 2, 3].map(() => time(() => masks(large))))).toBeLessThan(100 * floor);
});
