/**
 * Hosts and labels named in Chinese: set by every way, chosen by an expression, worked on, and told in an expression again. What an
 * expression could not name is refused by every way.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import {
  cliOf,
  newDataDir,
  removeDataDir,
  runCli,
  startUp,
  stopUp,
  type CliResult,
  type RunningUp,
} from '../support/up.ts';

const E_IN_TWO = 'e\u0301';
const E_IN_ONE = '\u00e9';
const dataDir = newDataDir();
const folder = join(dataDir, '..', 'files');
let up: RunningUp;
let cli: (...args: string[]) => Promise<CliResult>;

beforeAll(async () => {
  up = await startUp(dataDir, 2);
  cli = cliOf(up);
  mkdirSync(folder);
});
afterAll(async () => {
  await stopUp(up);
  removeDataDir(dataDir);
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}
async function call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${up.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${up.token}`,
      ...given({ 'content-type': body && 'application/json' }),
    },
    ...given({ body: body && JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
const at = (host: string): string => `/hosts/${encodeURIComponent(host)}`;
const label = (host: string, set: Record<string, string>): Promise<Answer> =>
  call('PATCH', `${at(host)}/labels`, { set });
const chosen = async (expression: string): Promise<string> =>
  (await cli('hosts', 'list', '-t', expression, '-o', 'name')).stdout.trim().replaceAll('\n', ' ');

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe('hosts and labels in Chinese', () => {
  it('are named over the command line and the API', async () => {
    for (const number of [1, 2])
      expect(await cli('hosts', 'edit', `local-${number}`, '--name', `数据库-${number}`)).toMatchObject({ code: 0 });
    expect(await cli('hosts', 'label', '数据库-1', '角色=主库', '机房=上海')).toMatchObject({
      code: 0,
      stdout: '数据库-1: 机房=上海 角色=主库\n',
    });
    expect(await label('数据库-2', { 角色: '从库', [`caf${E_IN_TWO}`]: `${E_IN_TWO}t${E_IN_TWO}` })).toMatchObject({
      status: 200,
      body: { name: '数据库-2', labels: { 角色: '从库', [`caf${E_IN_ONE}`]: `${E_IN_ONE}t${E_IN_ONE}` } },
    });
  });

  it('are chosen by expressions, in whatever form these are typed', async () => {
    expect(await chosen('角色=主库')).toBe('数据库-1');
    expect(await chosen('角色=?库')).toBe('数据库-1 数据库-2');
    expect(await chosen('数据库-[1-2] and not 角色=[主]库')).toBe('数据库-2');
    for (const e of [E_IN_ONE, E_IN_TWO]) expect(await chosen(`caf${e}=${e}t*`)).toBe('数据库-2');
  });

  it('are worked on, and what is printed of them means the same hosts again', async () => {
    const { code, stdout } = await cli('run', '-t', '角色=*库 and 机房!=北京', '--', 'echo 好');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/── 数据库-\[1,2\] \(2\) succeeded\n好\n/)]);
    const folded = /── (\S+) \(2\)/.exec(stdout)![1]!;
    expect(await chosen(folded)).toBe('数据库-1 数据库-2');
    expect((await cli('runs', 'output', 'last', '--host', '数据库-1')).stdout).toBe('好\n');
  });

  it('are lined up in a table by how wide they are', async () => {
    const [header, first, second] = (await cli('hosts', 'list', '-t', '数据库-*')).stdout.split('\n') as [
      string,
      string,
      string,
    ];
    const before = header.indexOf('STATE');
    // Three letters of two columns each stand before the dash.
    expect([first, second].map((line) => line.indexOf('linked'))).toEqual([before - 3, before - 3]);
  });

  it('are what the scope of an account may count on', async () => {
    expect(
      await call('POST', '/accounts', { name: 'dba', scope: `角色=主库,caf${E_IN_TWO}=*`, loginUser: 'root' }),
    ).toMatchObject({
      status: 201,
    });
    const operator = (await call('POST', '/tokens', { name: 'op', role: 'operator' })).body.token as string;
    const asOperator = (...words: string[]): Promise<CliResult> =>
      runCli(['hosts', 'label', '数据库-2', ...words], { DROVER_URL: up.url, DROVER_TOKEN: operator });
    for (const word of ['角色=主库', `caf${E_IN_TWO}=x`, `caf${E_IN_TWO}-`])
      expect((await asOperator(word)).stderr).toContain('(label-protected)');
    expect(await asOperator('机房=北京')).toMatchObject({ code: 0 });
    await call('DELETE', '/accounts/dba');
  });

  it('come from files: CSV, Ansible and ssh_config', async () => {
    const csv = file('三.csv', 'name,address,jump_host,label:角色\n网页-1,10.9.0.1,跳板,前端\n跳板,10.9.0.2,,\n');
    expect((await cli('hosts', 'import', csv)).stdout).toContain('2 created');
    const ini = file('hosts.ini', '[缓存]\n缓存-1 ansible_host=10.9.1.1 机房=广州\n缓存-2 ansible_host=10.9.1.2\n');
    expect(
      await cli('hosts', 'import', ini, '--format', 'ansible', '--label-variable', '机房', '--label', '来源=旧'),
    ).toMatchObject({ code: 0, stdout: expect.stringContaining('2 created') });
    const config = file('config', 'Host 堡垒\n  HostName 10.9.2.1\n');
    expect(await cli('hosts', 'import', config, '--format', 'ssh-config')).toMatchObject({ code: 0 });
    expect(await chosen('group/缓存=true and 来源=旧')).toBe('缓存-1 缓存-2');
    expect(await chosen('机房=广州,堡垒,角色=前端')).toBe('堡垒 缓存-1 网页-1');
    expect((await call('GET', at('网页-1'))).body).toMatchObject({ jumpHost: '跳板' });
  });

  it('come with a join: of the token, and of the machine', async () => {
    const { stdout } = await cli('agents', 'join-token', 'create', '--label', '角色=缓存', '-o', 'json');
    const { token } = JSON.parse(stdout) as { token: string };
    const joined = await runCli(
      ['agent', '--data', join(folder, 'agent'), '--join', token, '--enrol-only', '--name', `caf${E_IN_TWO}-一`].concat(
        ['--machine-id', 'names-1', '--label', `机${E_IN_TWO}=${E_IN_TWO}`],
      ),
    );
    expect([joined.code, joined.stderr]).toEqual([0, expect.not.stringContaining('"level":"warn"')]);
    expect((await call('GET', at(`caf${E_IN_TWO}-一`))).body).toMatchObject({
      name: `caf${E_IN_ONE}-一`,
      labels: { 角色: '缓存', [`机${E_IN_ONE}`]: E_IN_ONE },
    });
  });

  it('are as long as they may be, also in the path of a request', async () => {
    const longest = '库'.repeat(limits.nameBytesMax / 3);
    expect(await call('POST', '/hosts', { name: longest, address: '10.9.3.1' })).toMatchObject({ status: 201 });
    expect(await call('GET', at(longest))).toMatchObject({ status: 200, body: { name: longest } });
    expect(await call('POST', '/hosts', { name: `${longest}x`, address: '10.9.3.2' })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '#/name', detail: expect.stringContaining('256 bytes in UTF-8; 255 are allowed') }] },
    });
    await call('DELETE', at(longest));
  });
});

describe('what no expression could name', () => {
  const refused = (pointer: string, detail: RegExp): object => ({
    status: 400,
    body: { code: 'bad-input', errors: [{ pointer, detail: expect.stringMatching(detail) }] },
  });

  it.each([
    [
      'bad label',
      'x',
      '/bad label',
      /^"bad label" is not a key for a label: " " \(U\+0020\) is not allowed; letters, marks/,
    ],
    ['role', 'a b', '/role', /^"a b" is not a value for the label "role": " " \(U\+0020\)/],
    ['角色', '主，从', '/角色', /"，" \(U\+FF0C\) is not allowed: it is another form of ",", so write that/],
    ['ro\u200ble', 'x', '/ro\u200ble', /U\+200B is not allowed: it cannot be seen/],
    ['role', '(x)', '/role', /"\(" \(U\+0028\) is not allowed/],
  ])('is refused as a label: %j=%j', async (key, value, pointer, detail) => {
    const set = { [key]: value };
    const host = { name: 'n', address: '10.9.4.1', labels: set };
    expect(await label('数据库-1', set)).toMatchObject(refused(`#/set${pointer}`, detail));
    expect(await call('POST', '/hosts', host)).toMatchObject(refused(`#/labels${pointer}`, detail));
    expect(await call('PATCH', at('数据库-1'), { labels: set })).toMatchObject(refused(`#/labels${pointer}`, detail));
    expect(await call('POST', '/hosts/import', { hosts: [host] })).toMatchObject(
      refused(`#/hosts/0/labels${pointer}`, detail),
    );
    expect(await call('POST', '/join-tokens', { labels: set })).toMatchObject(refused(`#/labels${pointer}`, detail));
    const { status, body } = await call('POST', '/agents/join', {
      secret: 's',
      csr: 'c',
      name: 'n',
      machineId: 'm',
      labels: set,
    });
    expect({ status, body }).toMatchObject(refused(`#/labels${pointer}`, detail));
    const told = await cli('hosts', 'label', '数据库-1', `${key}=${value}`);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining(' is not allowed')]);
  });

  it.each([
    ['a host', '/hosts', { name: 'web１', address: '10.9.4.2' }, '#/name', /another form of "1"/],
    ['a zone of a host', '/hosts', { name: 'z', address: '10.9.4.2', zone: 'a b' }, '#/zone', /a name for a zone: " "/],
    ['a zone of a token', '/join-tokens', { zone: 'a,b' }, '#/zone', /a name for a zone: ","/],
    [
      'a worker',
      '/workers/join',
      { secret: 's', csr: 'c', name: 'w w', version: '1' },
      '#/name',
      /a name for a worker: " "/,
    ],
  ])('is refused as the name of %s', async (_what, path, body, pointer, detail) =>
    expect(await call('POST', path, body)).toMatchObject(refused(pointer, detail)),
  );

  it('is refused where two keys are one', async () =>
    expect(await label('数据库-1', { [E_IN_ONE]: '1', [E_IN_TWO]: '2' })).toMatchObject(
      refused(`#/set/${E_IN_ONE}`, /the label é is given twice/),
    ));

  it('is told of an import by its lines, and nothing is taken', async () => {
    const ini = file('odd.ini', '[web&db]\nodd-1 ansible_host=10.9.5.1\nodd\u200b-2 ansible_host=10.9.5.2\n奇怪\n');
    const { code, stderr } = await cli('hosts', 'import', ini, '--format', 'ansible');
    expect(code).toBe(2);
    expect(stderr.split('\n')).toEqual([
      expect.stringContaining('3 things are wrong:'),
      expect.stringMatching(/odd\.ini:1: no label can be made of the group web&db: .*"&" \(U\+0026\)/),
      expect.stringMatching(/odd\.ini:3: "odd\\u\{200b\}-2" is not a name for a host: U\+200B/),
      expect.stringMatching(/odd\.ini:4: nothing can be dialled by the name 奇怪: say at which address/),
      '',
    ]);
    expect((await call('GET', at('odd-1'))).status).toBe(404);
  });

  it('is refused in an expression, with its column', async () => {
    const { code, stderr } = await cli('run', '-t', '角色＝主库', '--', 'true');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /not valid at column 3: "＝" \(U\+FF1D\) is not part of a target: it is another form of "="/,
      ),
    ]);
    expect(await call('POST', '/runs', { targets: 'web\u200b-1', command: ['true'] })).toMatchObject({
      status: 400,
      body: { code: 'bad-target', detail: expect.stringContaining('at column 4: U+200B is not part of a target') },
    });
  });

  it('is taken off, should it be there', async () => {
    expect(await call('PATCH', `${at('数据库-1')}/labels`, { remove: ['bad label', `caf${E_IN_TWO}`] })).toMatchObject({
      status: 200,
    });
  });

  it('is one label more than a host may have, one after the other or together', async () => {
    const many = Object.fromEntries(Array.from({ length: limits.labelsPerHostMax }, (_, i) => [`标${i}`, '']));
    await call('POST', '/hosts', { name: '满', address: '10.9.6.1', labels: many });
    expect(await label('满', { 标0: '一' })).toMatchObject({ status: 200 });
    expect(await label('满', { 多: '一' })).toMatchObject({
      status: 400,
      body: { detail: '满 would have 65 labels; 64 are allowed.' },
    });
    expect(await call('PATCH', `${at('满')}/labels`, { set: { 多: '一' }, remove: ['标0'] })).toMatchObject({
      status: 200,
    });
  });
});
