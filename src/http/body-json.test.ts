import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { parseBody } from './body-json.ts';

const bulk = { key: 'hosts', entriesMax: 2_000 };
const faultOf = (text: string, list?: typeof bulk): Promise<unknown> =>
  parseBody(text, list).then(
    () => undefined,
    (error: { faults: { pointer: string; detail: string }[] }) => error.faults[0],
  );
const MANY = `more than ${limits.bodyValuesMax} values`;

describe('the body of a request', () => {
  it.each(['null', '1', '"[{,"', '[]', '{}', '{"a":[[],{}],"b":"\\"[,","c":{"d":[1,2]}}', ' [ 1 , 2 ] '])(
    'is read as JSON: %s',
    async (text) => expect(await parseBody(text, bulk)).toEqual(JSON.parse(text)),
  );

  it('is nothing where it is empty', async () => expect(await parseBody(' \n', undefined)).toBeUndefined());

  it.each(['{', '[1,]', '{"a" 1}', '"abc', '\\', ']', ',,,', '{"a":1}x'])(
    'is refused where it is none: %s',
    async (text) => expect(await faultOf(text)).toMatchObject({ pointer: '#' }),
  );

  it.each<[string, (count: number) => string]>([
    ['numbers', (count) => `[${Array(count).fill('1').join(',')}]`],
    ['empty lists', (count) => `[${Array(count).fill('[ ]').join(', ')}]`],
    ['empty objects', (count) => `[${Array(count).fill('{}').join(',')}]`],
    ['keys', (count) => `{${Array.from({ length: count }, (_, i) => `"k${i}" : 1`).join(',')}}`],
    ['lists in lists', (count) => `${'['.repeat(count)}1${']'.repeat(count)}`],
  ])('has so many values and not one more: %s', async (_what, of) => {
    expect(await faultOf(of(limits.bodyValuesMax))).toBeUndefined();
    expect(await faultOf(of(limits.bodyValuesMax + 1))).toEqual({ pointer: '#', code: 'bad-input', detail: MANY });
  });
});

describe('a long list of an operation', () => {
  const host = (i: number): object => ({
    name: `h${i} [,"\\`,
    labels: { a: '{}', [`k${i}`]: [] },
    more: [[1, 2], null],
  });
  const hosts = Array.from({ length: 2_000 }, (_, i) => host(i));

  it('is read entry by entry, with turns of others in between, and comes out as it was', async () => {
    const labels = (i: number): object => Object.fromEntries(Array.from({ length: 60 }, (_, k) => [`k${i}-${k}`, 'v']));
    const whole = {
      before: [1, [2]],
      hosts: hosts.map((entry, i) => ({ ...entry, labels: labels(i) })),
      after: { hosts: [[]] },
    };
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    expect(await parseBody(JSON.stringify(whole, undefined, 1), bulk)).toEqual(whole);
    isOver = true;
    expect(turns).toBeGreaterThan(2);
    expect(await parseBody(JSON.stringify(whole), bulk)).toEqual(whole);
  });

  it('is the last of its name, as JSON has it, and no other', async () => {
    const long = JSON.stringify(hosts);
    expect(await parseBody(`{"hosts":[1],"hosts":${long}}`, bulk)).toEqual({ hosts });
    expect(await faultOf(`{"hosts":${long},"hosts":[]}`, bulk)).toMatchObject({ detail: MANY });
    expect(await faultOf(`{"other":${long},"hosts":[]}`, bulk)).toMatchObject({ detail: MANY });
    expect(await faultOf(`[${long}]`, bulk)).toMatchObject({ detail: MANY });
    expect(await faultOf(`{"hosts":${long}}`)).toMatchObject({ detail: MANY });
  });

  it('has so many entries, each with so many values, and is JSON to its end', async () => {
    const of = (entries: readonly unknown[]): string => JSON.stringify({ hosts: entries });
    const full = { labels: Array(limits.bodyValuesMax - 1).fill(1) as number[] };
    expect(await faultOf(of([...hosts.slice(1), full]), bulk)).toBeUndefined();
    expect(await faultOf(of([...hosts.slice(1), { labels: [...full.labels, 1] }]), bulk)).toMatchObject({
      detail: MANY,
    });
    expect(await faultOf(of([...hosts, 1]), bulk)).toMatchObject({
      pointer: '#/hosts',
      detail: 'at most 2000 entries, not 2001',
    });
    const text = of(hosts.slice(1));
    for (const broken of [
      text.slice(0, -1),
      text.slice(0, -2),
      `${text.slice(0, -2)},]}`,
      text.replace('null', 'nul'),
      `${text}]`,
    ])
      expect(await faultOf(broken, bulk)).toMatchObject({ pointer: '#' });
  });
});

describe('four megabytes that are refused', () => {
  const BYTES = 4 * 1_048_576;
  /** ms of this thread's processor, in the best of three. */
  const cpuMs = async (text: string): Promise<number> => {
    const all: number[] = [];
    for (let n = 0; n < 3; n++) {
      const before = process.threadCpuUsage();
      await faultOf(text, bulk);
      const { user, system } = process.threadCpuUsage(before);
      all.push((user + system) / 1_000);
    }
    return Math.min(...all);
  };

  it.each<[string, string]>([
    ['objects', '{},'],
    ['brackets', '['],
    ['lists', '[],'],
    ['objects with a key', '{"a":1},'],
  ])('cost no more than a few times as much as one text of that length: %s', async (_what, piece) => {
    const wordsMs = await cpuMs(JSON.stringify('a'.repeat(BYTES)));
    for (const head of ['[', '{"hosts":[']) {
      const text = `${head}${piece.repeat(BYTES / piece.length)}`;
      expect(await cpuMs(text), `beside ${wordsMs} ms`).toBeLessThan(5 * wordsMs);
    }
  });
});
