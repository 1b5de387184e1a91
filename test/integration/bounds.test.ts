/**
 * What a caller may ask, at the limit and one beyond: the one is taken (or refused for another reason), the other refused with the limit's
 * own code. No run comes of it: there is no host. A limit of another edge is tried where that edge is (test/coverage/limits.test.ts).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { testApi, type TestApi } from '../support/api.ts';

interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly payload?: object;
}
type Case = readonly [what: string, limit: number, ask: (n: number) => Asked, code?: string];
/** With the code that most have. */
const withCode = (cases: readonly Case[]) =>
  cases.map(([what, limit, ask, code = 'bad-input']): Required<Case> => [what, limit, ask, code]);

const run = (more: object, headers = {}): Asked => ({ payload: { targets: 'all', script: 'true', ...more }, headers });
const post = (url: string, payload: object): Asked => ({ url, payload });
const x = (n: number): string => 'x'.repeat(n);
const entries = (n: number, value: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`N${i}`, value]));
const host = (more: object): Asked => post('/api/v1/hosts', { name: 'h', address: 'h', ...more });

const most: readonly Case[] = [
  ['bytes of a script', limits.scriptBytesMax, (n) => run({ script: x(n) }), 'script-too-large'],
  ['bytes of standard input', limits.stdinBytesMax, (n) => run({ stdinBase64: Buffer.alloc(n).toString('base64') })],
  ['bytes of standard input as text', limits.stdinBytesMax, (n) => run({ stdin: x(n - 2) + 'é' })],
  ['bytes of all arguments', limits.argumentsBytesMax, (n) => run({ args: [x(999), x(n - 1_001)] })],
  ['bytes of one argument', limits.argumentStringBytesMax, (n) => run({ args: [x(n - 1)] })],
  ['bytes of one parameter', limits.argumentStringBytesMax, (n) => run({ params: { A: x(n - 16) } })],
  ['arguments', limits.argumentsMax, (n) => run({ args: Array(n).fill('x') })],
  ['words of a command', limits.argumentsMax, (n) => run({ script: undefined, command: Array(n).fill('x') })],
  ['variables', limits.environmentEntriesMax, (n) => run({ env: entries(n, '') })],
  ['parameters', limits.environmentEntriesMax, (n) => run({ params: entries(n, '') })],
  ['secrets', limits.secretsMax, (n) => run({ secrets: entries(n, 'value') })],
  ['bytes of a secret', limits.secretBytesMax, (n) => run({ secrets: { A: x(n) } })],
  [
    'bytes of all secrets',
    limits.secretsBytesMax,
    (n) => run({ secrets: { A: x(limits.secretBytesMax), B: x(100), C: x(n - limits.secretBytesMax - 100) } }),
  ],
  ['characters of a name', limits.nameLengthMax, (n) => run({ name: x(n) })],
  ["characters of a variable's name", limits.nameLengthMax, (n) => run({ env: { [x(n)]: '' } })],
  ['characters of a reason', limits.reasonLengthMax, (n) => run({ reason: x(n) })],
  ['characters of a target', limits.targetExpressionLengthMax, (n) => run({ targets: 'all'.padEnd(n) })],
  [
    'brackets in brackets of a target',
    limits.targetExpressionDepthMax,
    (n) => run({ targets: `${'('.repeat(n)}all${')'.repeat(n)}` }),
    'bad-target',
  ],
  [
    'sets of numbers of a name',
    limits.targetNumberSetsMax,
    (n) => run({ targets: `h${'[1-2]x'.repeat(n)}` }),
    'bad-target',
  ],
  ['milliseconds of a time-out', limits.timeoutMsMax, (n) => run({ timeout: `${n}ms` }), 'bad-duration'],
  ['milliseconds before a kill', limits.killAfterMsMax, (n) => run({ killAfter: `${n}ms` }), 'bad-duration'],
  ['milliseconds of waiting', limits.startDeadlineMsMax, (n) => run({ startDeadline: `${n}ms` }), 'bad-duration'],
  ['retries', limits.retriesMax, (n) => run({ retries: n })],
  [
    'exit codes that are success',
    limits.successExitCodesMax,
    (n) => run({ successExitCodes: Array.from({ length: n }, (_, code) => code) }),
  ],
  ['an exit code', limits.exitCodeMax, (n) => run({ successExitCodes: [n] })],
  ['executions at once', limits.concurrencyMax, (n) => run({ concurrency: n })],
  ['bytes of output kept', limits.outputKeptBytesMax, (n) => run({ outputKeptBytes: n })],
  ['characters of a key', limits.idempotencyKeyLengthMax, (n) => run({}, { 'idempotency-key': x(n) })],
  ['rows of a page', limits.pageSizeMax, (n) => ({ method: 'GET', url: `/api/v1/runs?limit=${n}` })],
  [
    'milliseconds of a token',
    limits.apiTokenMsMax,
    (n) => post('/api/v1/tokens', { name: `t${n}`, role: 'viewer', lifetime: `${n}ms` }),
    'bad-duration',
  ],
  ['uses of a join token', limits.joinTokenUsesMax, (n) => post('/api/v1/join-tokens', { uses: n })],
  ['labels', limits.labelsPerHostMax, (n) => post('/api/v1/join-tokens', { labels: entries(n, '') })],
  ['characters of a label', limits.labelLengthMax, (n) => post('/api/v1/join-tokens', { labels: { [x(n)]: '' } })],
  ['characters of an address', limits.addressLengthMax, (n) => host({ address: x(n), name: `a${n}` })],
  [
    'algorithms of a kind',
    limits.algorithmsPerKindMax,
    (n) => host({ name: `l${n}`, algorithms: { cipher: Array(n).fill('aes256-ctr') } }),
  ],
  [
    'bytes of a host key',
    limits.hostKeyBytesMax,
    (n) => {
      const key = Buffer.alloc(n);
      key.write('\0\0\0\x07ssh-rsa', 'latin1');
      return post('/api/v1/host-keys/import', { hosts: [{ host: 'l64', keys: [key.toString('base64')] }] });
    },
  ],
  ['agents of a batch', limits.upgradeBatchMax, (n) => post('/api/v1/upgrades', { targets: 'all', batch: n })],
  [
    'milliseconds of an upgrade',
    limits.upgradeWaitMsMax,
    (n) => post('/api/v1/upgrades', { targets: 'all', wait: `${n}ms` }),
    'bad-duration',
  ],
];
const least: readonly Case[] = [
  ['bytes of a secret', limits.secretBytesMin, (n) => run({ secrets: { A: x(n) } })],
  [
    'milliseconds of an upgrade',
    limits.upgradeWaitMsMin,
    (n) => post('/api/v1/upgrades', { targets: 'all', wait: `${n}ms` }),
    'bad-duration',
  ],
];

/** There is no host and no package: nothing else is wrong with what was asked. */
const UNMATCHED = ['taken', 'no-target-matched', 'host-not-found', 'not-found', 'package-not-found'];

describe('a limit of what may be asked', () => {
  let api: TestApi;
  let token: string;
  beforeAll(async () => {
    api = await testApi();
    token = await api.token('admin');
  });
  afterAll(() => api.close());

  async function codeOf({ method = 'POST', url = '/api/v1/runs', headers = {}, payload }: Asked): Promise<string> {
    const answer = await api.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...given({ payload }),
    });
    return answer.statusCode < 300 ? 'taken' : answer.json<{ code: string }>().code;
  }

  it.each(withCode(most))('%s: %d are taken, and one more is refused', async (_what, limit, ask, code) => {
    expect(UNMATCHED).toContain(await codeOf(ask(limit)));
    expect(await codeOf(ask(limit + 1))).toBe(code);
  });

  it.each(withCode(least))('%s: %d are taken, and one less is refused', async (_what, limit, ask, code) => {
    expect(UNMATCHED).toContain(await codeOf(ask(limit)));
    expect(await codeOf(ask(limit - 1))).toBe(code);
  });
});
