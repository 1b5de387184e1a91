/** `drover hosts add|edit|import|keys` against the real API: files of other tools in, hosts and keys out. */
import { createHash, createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostKeyFingerprint } from '../../src/app/host-key.ts';
import type { HostId } from '../../src/base/ids.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { runCli, type CliResult } from '../support/up.ts';

let api: TestApi;
let home: string;
let env: Record<string, string>;
beforeAll(async () => {
  api = await testApi();
  home = mkdtempSync(join(tmpdir(), 'drover-hosts-'));
  env = {
    DROVER_URL: await api.app.listen({ host: '127.0.0.1', port: 0 }),
    DROVER_TOKEN: await api.token('admin'),
    HOME: home,
  };
});
afterAll(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => runCli(args, env);
const hosts = async (...args: string[]): Promise<CliResult> => cli('hosts', ...args);
const show = async (host: string): Promise<Record<string, unknown>> =>
  JSON.parse((await hosts('show', host, '--json')).stdout) as Record<string, unknown>;

function file(name: string, text: string): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe('drover hosts', () => {
  it('adds a host, changes it, and shows how it is reached', async () => {
    expect(await hosts('add', 'gw', '--label', 'role=gate')).toMatchObject({ code: 0, stdout: 'added gw: gw\n' });
    expect(
      await hosts(
        'add',
        'web-1',
        '--address',
        '10.0.0.1',
        '--port',
        '2222',
        '--jump-host',
        'gw',
        '--ciphers',
        'aes128-ctr, aes256-ctr',
      ),
    ).toMatchObject({ code: 0, stdout: 'added web-1: 10.0.0.1 port 2222 through gw\n' });
    expect(await show('web-1')).toMatchObject({
      reachableBy: ['ssh'],
      algorithms: { cipher: ['aes128-ctr', 'aes256-ctr'] },
    });
    expect((await hosts('list')).stdout).toMatch(
      /^NAME +STATE +REACHED BY.*\ngw +ssh +ssh +gw +role=gate\nweb-1 +ssh +ssh +10\.0\.0\.1:2222/,
    );
    expect(
      await hosts(
        'edit',
        'web-1',
        '--clear',
        'jump-host',
        '--clear',
        'algorithms',
        '--name',
        'web-01',
        '--host-key-policy',
        'strict',
      ),
    ).toMatchObject({ code: 0, stdout: 'changed web-01: 10.0.0.1 port 2222\n' });
    expect((await hosts('show', 'web-01')).stdout).toMatch(
      /reached by +ssh[\s\S]*address +10\.0\.0\.1 port 2222[\s\S]*host keys +strict/,
    );
  });

  it('tells all faults of a command line and of the server', async () => {
    expect(
      await hosts('edit', 'web-01', '--port', 'x', '--clear', 'zone', '--clear', 'address', '--address', 'y'),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /3 things are wrong:\n.*--port[\s\S]*--clear takes[\s\S]*address is given and cleared/,
      ) as string,
    });
    expect(await hosts('edit', 'web-01')).toMatchObject({ code: 2 });
    expect(await hosts('add', 'x', '--account', 'nobody', '--jump-host', 'nothing')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no account nobody[\s\S]*no host nothing/) as string,
    });
    expect(await hosts('add', 'gw')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('host-name-taken') as string,
    });
  });

  it('says what to write where an address holds a port, the same when a host is added and when it is changed', async () => {
    const stderr = 'drover: --address: "1.2.3.4:22" is not an address: write 1.2.3.4 alone, and 22 as the port.\n';
    for (const verb of [
      ['add', 'y'],
      ['edit', 'web-01'],
    ])
      expect(await hosts(...verb, '--address', '1.2.3.4:22')).toMatchObject({ code: 2, stderr });
    expect(await hosts('add', '10.0.0.300')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('say with --address') as string,
    });
  });

  it('tells an unknown word to clear as the one fault that it is', async () =>
    expect(await hosts('edit', 'web-01', '--clear', 'jumphost')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^drover: --clear takes [^\n]*, not "jumphost"\.\n$/) as string,
    }));

  it('makes the token with which an agent becomes a host', async () => {
    expect((await hosts('join-token', 'gw')).stdout).toMatch(/^\S+\n$/);
    expect(await hosts('join-token', 'nobody')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('host-not-found') as string,
    });
  });
});

describe('drover hosts import', () => {
  it('takes CSV, shows it first, and finds nothing to do again', async () => {
    const path = file(
      'servers.csv',
      'name,address,port,jump_host,label:env\nc-1,10.2.0.1,,gw,prod\n"c-2",10.2.0.2,2200,c-1,"pr/od"\n',
    );
    expect((await hosts('import', path, '--dry-run')).stdout).toBe(
      '+ c-1  10.2.0.1, by way of gw\n+ c-2  10.2.0.2:2200, by way of c-1\nwould be: 2 created, 0 updated, 0 unchanged\n',
    );
    expect((await hosts('import', path)).stdout).toContain('2 created, 0 updated, 0 unchanged');
    expect(await hosts('import', path)).toMatchObject({ code: 0, stdout: '0 created, 0 updated, 2 unchanged\n' });
    expect((await hosts('import', path, '--zone', 'dc2', '--label', 'env=test')).stdout).toContain(
      '~ c-1\n    zone: default → dc2\n    labels/env: prod → test\n~ c-2',
    );
    expect(await show('c-2')).toMatchObject({ port: 2200, jumpHost: 'c-1', zone: 'dc2', labels: { env: 'test' } });
  });

  it('tells every fault of a file by its line, also those that only the server knows, and takes nothing', async () => {
    expect(await hosts('import', file('bad.csv', 'name,port,colour\na,99999,red\na,22,blue\n,22,x\n'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /4 things are wrong:\n  \S*bad.csv:1: "colour"[^\n]*\n  \S*bad.csv:2: "99999"[^\n]*\n  \S*bad.csv:3: the host a is in here twice[^\n]*\n  \S*bad.csv:4: the row names no host/,
      ) as string,
    });
    expect(
      await hosts('import', file('both.csv', 'name,port,account,jump_host\nb-1,99999,,\nb-2,22,nobody,b-1\n')),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /2 things are wrong:\n  \S*both.csv:2: "99999"[^\n]*\n  \S*both.csv:3: b-2: there is no account nobody/,
      ) as string,
    });
    // A file that is wrong by itself is told so with no server at hand, too.
    expect(
      await runCli(['hosts', 'import', file('alone.csv', 'name,port\na-1,99999\na-2,22\n')], {
        HOME: home,
        XDG_CONFIG_HOME: home,
      }),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/1 thing is wrong:\n  \S*alone.csv:2: "99999"/) as string,
    });
    const unknown = file('unknown.csv', 'name,account,jump_host\nfine,,\nu-1,nobody,\nu-2,,nothing\n');
    expect(await hosts('import', unknown)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /2 things are wrong:\n  \S*unknown.csv:3: u-1: there is no account nobody[^\n]*\n  \S*unknown.csv:4: u-2: there is no host nothing/,
      ) as string,
    });
    expect((await hosts('show', 'fine')).code).toBe(3);
    expect(await hosts('import', join(home, 'missing.csv'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no such file or folder') as string,
    });
    expect(await hosts('import', file('servers.txt', 'x'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--format') as string,
    });
    expect(await hosts('import', file('none.csv', 'name\n'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('names no hosts') as string,
    });
  });

  it('takes YAML of its own, with defaults', async () => {
    const path = file(
      'own.yml',
      'defaults: { port: 2022, labels: { env: prod } }\nhosts:\n  - { name: y-1, address: 10.3.0.1 }\n  - name: y-2\n    port: 22\n    labels: { role: db, level: 007 }\n',
    );
    expect((await hosts('import', path)).stdout).toContain('2 created');
    expect(await show('y-1')).toMatchObject({ address: '10.3.0.1', port: 2022, labels: { env: 'prod' } });
    expect(await show('y-2')).toMatchObject({
      address: 'y-2',
      port: 22,
      labels: { env: 'prod', role: 'db', level: '007' },
    });
    expect((await hosts('import', file('broken.yml', 'hosts:\n  - { name: a\n  - b: c\n'))).stderr).toMatch(
      /broken\.yml:\d+: /,
    );
    expect((await hosts('import', file('odd.yml', 'hosts: [{ name: a, prot: 22 }]\nhsots: []\n'))).stderr).toMatch(
      /odd\.yml:1: "prot" is not a field[\s\S]*odd\.yml:2: "hsots"/,
    );
  });

  it('takes a folder of Ansible with its variables, and says whose accounts are missing', async () => {
    file(
      'inv/hosts',
      '[web]\nan-[01:02] ansible_host=10.4.0.1\nan-02 ansible_host=10.4.0.2\n[web:vars]\nansible_user=deploy\n',
    );
    file('inv/more.yml', 'all:\n  children:\n    db:\n      hosts:\n        an-db: { ansible_port: 2200 }\n');
    file('inv/group_vars/db.yml', 'ansible_user: postgres\nrack: r7\nnested: { a: [1] }\n');
    file('inv/group_vars/web/vault.yml', '$ANSIBLE_VAULT;1.1;AES256\n6162\n');
    file('inv/host_vars/an-01.yml', 'ansible_ssh_common_args: -J gw\n');
    const created = await api.app.inject({
      method: 'POST',
      url: '/api/v1/accounts',
      headers: { authorization: `Bearer ${env.DROVER_TOKEN}`, 'content-type': 'application/json' },
      payload: JSON.stringify({
        name: 'deployer',
        scope: 'all',
        loginUser: 'deploy',
        credentials: [{ kind: 'password', name: 'p', password: 'correct horse' }],
      }),
    });
    expect(created.statusCode).toBe(201);
    const { code, stdout, stderr } = await hosts(
      'import',
      join(home, 'inv'),
      '--account-for',
      'deploy=deployer',
      '--label-variable',
      'rack',
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('3 created') as string });
    expect(stderr).toMatch(/1 host is logged in to as postgres; [^\n]*--account-for postgres=ACCOUNT/);
    expect(stderr).toContain('encrypted with ansible-vault and was not read');
    expect(await show('an-01')).toMatchObject({
      address: '10.4.0.1',
      account: 'deployer',
      jumpHost: 'gw',
      labels: { 'group/web': 'true' },
    });
    expect(await show('an-02')).toMatchObject({ address: '10.4.0.2', account: 'deployer' });
    expect(await show('an-db')).toMatchObject({
      address: 'an-db',
      port: 2200,
      labels: { 'group/db': 'true', rack: 'r7' },
    });
  });

  it('names what it passes over in a folder without an inventory', async () => {
    const folder = join(home, 'only-ini');
    mkdirSync(folder);
    expect((await hosts('import', folder)).stderr).toMatch(/There is no inventory file in \S+only-ini\.\n/);
    writeFileSync(join(folder, 'hosts.ini'), '[web]\nini-1\n');
    expect(await hosts('import', folder)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /hosts\.ini is passed over .*name the file itself, \S+only-ini\/hosts\.ini/,
      ) as string,
    });
    expect(await hosts('import', join(folder, 'hosts.ini'), '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('+ ini-1') as string,
    });
  });

  it('runs no inventory that is a program', async () => {
    const path = file('dynamic.ini', '#!/bin/sh\ntouch ran\n');
    chmodSync(path, 0o755);
    expect(await hosts('import', path)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Drover runs none') as string,
    });
  });

  it('takes an ssh_config with what it includes, from standard input too', async () => {
    file('.ssh/config.d/one', 'Host s-2\n  Port 2200\n');
    const config = file(
      '.ssh/config',
      'Include config.d/*\nHost s-1\n  HostName 10.5.0.1\n  ProxyJump gw\nHost *\n  User me\n',
    );
    expect((await hosts('import', config)).stdout).toContain(
      '+ s-2  s-2:2200\n+ s-1  10.5.0.1, by way of gw\n2 created',
    );
    expect(await show('s-1')).toMatchObject({ address: '10.5.0.1', jumpHost: 'gw' });
    expect(await show('s-2')).toMatchObject({ address: 's-2', port: 2200 });
    expect(
      (await hosts('import', file('match_config', 'Host a\nMatch user x\n'), '--format', 'ssh-config')).stderr,
    ).toMatch(/match_config:2: Match user is not understood/);
  });
});

describe('drover hosts keys', () => {
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const key = (seed: string): Buffer =>
    Buffer.concat([part(Buffer.from('ssh-ed25519')), part(createHash('sha256').update(seed).digest())]);

  it('are taken from known_hosts, hashed or not, listed, and changed by hand only', async () => {
    const line = (names: string, seed: string): string => `${names} ssh-ed25519 ${key(seed).toString('base64')}\n`;
    const hashed = `|1|${Buffer.from('salt').toString('base64')}|${createHmac('sha1', 'salt').update('[10.2.0.2]:2200').digest('base64')}`;
    file(
      '.ssh/known_hosts',
      line('c-1,10.2.0.1', 'one') + line(hashed, 'two') + line('stranger', 'three') + line('[web-01]:2222', 'four'),
    );
    expect((await hosts('keys', 'import', '--dry-run')).stdout).toBe(
      'c-1: 1 key\nc-2: 1 key\nweb-01: 1 key\nwould be taken for 3 hosts\n',
    );
    expect((await hosts('keys', 'import')).stdout).toBe('3 new keys for 3 hosts\n');
    expect((await hosts('keys', 'import')).stdout).toBe('0 new keys for 3 hosts\n');
    const fingerprint = hostKeyFingerprint(key('new'));
    const { id } = await show('c-1');
    expect(
      await api.store.hostKeyRecord(id as HostId, { algorithm: 'ssh-ed25519', key: key('new') }, { zone: 'dc2' }),
    ).toBe('changed');
    expect((await hosts('keys', 'list', 'c-1')).stdout).toMatch(
      new RegExp(
        `known +ssh-ed25519 +\\S+ +import, admin.*\\noffered +ssh-ed25519 +${fingerprint.replaceAll('+', '\\+')}`,
      ),
    );
    expect(await hosts('keys', 'accept', 'c-1', 'SHA256:nothing')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('host-key-not-found') as string,
    });
    expect(await hosts('keys', 'accept', 'c-1', fingerprint)).toMatchObject({
      code: 0,
      stdout: `c-1 is known by ${fingerprint} (ssh-ed25519)\n`,
    });
    expect(await hosts('keys', 'remove', 'c-1', fingerprint.slice(0, 20))).toMatchObject({ code: 0 });
    expect((await hosts('keys', 'list', 'c-1')).stdout).toBe('c-1 has no keys yet\n');
    expect(await hosts('keys', 'import', file('bad_hosts', 'a ssh-rsa AAAA\n'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('bad_hosts:1') as string,
    });
  });
});
