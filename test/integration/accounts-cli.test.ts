/** Accounts as a user handles them: by the command line against a whole `drover up`, and what is left of secrets on its disk. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTerminal } from '../support/terminal.ts';
import {
  cliOf,
  drover,
  newDataDir,
  removeDataDir,
  runCli,
  startUp,
  stopUp,
  type CliResult,
  type RunningUp,
} from '../support/up.ts';

const PASSWORD = 'correct horse battery unmistakable';
const PASSPHRASE = 'phrase-unmistakable';

describe('drover accounts', () => {
  const dataDir = newDataDir();
  const folder = mkdtempSync(join(tmpdir(), 'drover-accounts-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  let up: RunningUp;
  let cli: (...args: string[]) => Promise<CliResult>;
  let keyText: string;

  beforeAll(async () => {
    keyText = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: PASSPHRASE },
    }).privateKey;
    up = await startUp(dataDir, 2);
    cli = cliOf(up);
  });
  afterAll(async () => {
    await stopUp(up);
    removeDataDir(dataDir);
    rmSync(folder, { recursive: true, force: true });
  });

  it('makes an account with credentials in the order of the command line, and shows no secret', async () => {
    const [key, phrase, password] = [
      file('key', keyText),
      file('phrase', `${PASSPHRASE}\n`),
      file('password', `${PASSWORD}\n`),
    ];
    const created = await cli(
      'accounts',
      'create',
      'dba',
      '--scope',
      'local-*',
      '--user',
      'ops',
      '--password',
      `@${password}`,
      '--credential-name',
      'first',
      '--key',
      key,
      '--passphrase',
      `@${phrase}`,
      '--ssh-agent',
      '/run/a.sock',
      '--become',
      'sudo',
      '--become-user',
      'postgres',
      '--default',
      '--json',
    );
    expect([created.code, created.stderr]).toEqual([0, '']);
    expect(JSON.parse(created.stdout)).toMatchObject({
      name: 'dba',
      isDefault: true,
      become: { kind: 'sudo', user: 'postgres', hasPassword: false },
      credentials: [
        { name: 'first', kind: 'password' },
        { name: 'key', kind: 'key', type: 'ecdsa-sha2-nistp256' },
        { kind: 'agent', socket: '/run/a.sock' },
      ],
    });
    const [shown, listed, explained] = [
      await cli('accounts', 'show', 'dba'),
      await cli('accounts', 'list'),
      await cli('accounts', 'explain', 'local-1'),
    ];
    expect(shown.stdout).toContain('first (password)');
    expect(listed.stdout).toMatch(/dba +ops +postgres by sudo +yes \(0\) +first key agent +local-\*/);
    expect(explained).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^dba: It is the only default account whose scope covers the host\. So it is over SSH; its agent, while it is linked, runs scripts as the agent's own user/,
      ) as string,
    });
    expect(created.stdout + shown.stdout + listed.stdout).not.toMatch(/unmistakable|PRIVATE/);
  });

  it('changes what is given and keeps what is named', async () => {
    const kept = await cli(
      'accounts',
      'edit',
      'dba',
      '--no-default',
      '--keyboard-interactive',
      `@${file('other', PASSWORD)}`,
      '--keep',
      'key',
      '--json',
    );
    expect(kept.stderr).toBe('');
    expect(JSON.parse(kept.stdout)).toMatchObject({
      isDefault: false,
      loginUser: 'ops',
      become: { kind: 'sudo', user: 'postgres' },
      credentials: [{ kind: 'keyboard-interactive' }, { kind: 'key' }],
    });
    expect(JSON.parse((await cli('accounts', 'edit', 'dba', '--scope', 'all', '--json')).stdout)).toMatchObject({
      scope: 'all',
      isDefault: false,
      credentials: [{}, {}],
    });
    const missing = await cli('accounts', 'explain', 'local-1');
    expect([missing.code, missing.stdout]).toEqual([1, expect.stringContaining('(account-missing)')]);
    expect((await cli('accounts', 'edit', 'dba')).code).toBe(2);
    expect((await cli('accounts', 'edit', 'dba', '--keep', 'nothing')).stderr).toContain(
      'it has keyboard-interactive, key',
    );
  });

  it('takes no secret from the command line, nor repeats one, and tells what is wrong with a key', async () => {
    const refused = await cli(
      'accounts',
      'create',
      'x',
      '--scope',
      'all',
      '--user',
      'u',
      '--password',
      PASSWORD,
      '--passphrase',
      '@nowhere',
      '--key',
      '/nowhere',
    );
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('3 things are wrong');
    expect(refused.stderr).not.toContain('unmistakable');
    const wrong = await cli(
      'accounts',
      'create',
      'x',
      '--scope',
      'all',
      '--user',
      'u',
      '--key',
      file('key2', keyText),
      '--passphrase',
      `@${file('wrong', 'wrong-unmistakable')}`,
    );
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'drover: credential 1, privateKey: The passphrase is wrong, or the key is damaged. (bad-credential)\n',
    ]);
    const bare = await cli('accounts', 'create', 'x', '--scope', 'all', '--user', 'u', '--key', file('key3', keyText));
    expect(bare.stderr).toContain('protected by a passphrase');
  });

  it('asks for a secret at a terminal without showing it, and only there', async () => {
    const at = openTerminal(
      [drover, 'accounts', 'create', 'asked', '--scope', 'all', '--user', 'u', '--password', 'ask'],
      { DROVER_URL: up.url, DROVER_TOKEN: up.token },
    );
    await at.shows('password: ');
    at.type('typed-unmistakable\r');
    expect(await at.ended).toBe(0);
    expect(at.shown()).toMatch(/credentials +password/);
    expect(at.shown()).not.toContain('unmistakable');
    expect(
      await cli('accounts', 'create', 'piped', '--scope', 'all', '--user', 'u', '--password', 'ask'),
    ).toMatchObject({ code: 2, stderr: expect.stringContaining('needs a terminal') as string });
  });

  it('re-encrypts, and removes', async () => {
    expect(JSON.parse((await cli('accounts', 'rotate-keys', '--json')).stdout)).toMatchObject({
      accountSecrets: 0,
      unreadable: 0,
    });
    expect(await cli('accounts', 'create', 'gone', '--scope', 'all', '--user', 'u')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^gone has no credential: nobody can log in with it over SSH.*accounts edit gone/,
      ) as string,
    });
    expect(await cli('accounts', 'remove', 'gone')).toMatchObject({ code: 0, stdout: 'removed gone\n' });
    expect((await cli('accounts', 'show', 'gone')).code).toBe(3);
  });

  it('leaves no secret on the disk of the server: not in logs, nor in the files of the database', async () => {
    // Debug logs are written too, and the database writes its pages out before they are looked at.
    await stopUp(up);
    up = await startUp(dataDir, 2, { env: { DROVER_LOG: 'debug' } });
    expect(
      await runCli(
        ['accounts', 'create', 'late', '--scope', 'all', '--user', 'u', '--password', `@${join(folder, 'password')}`],
        { DROVER_URL: up.url, DROVER_TOKEN: up.token },
      ),
    ).toMatchObject({ code: 0 });
    await stopUp(up);
    const line = keyText.split('\n')[4]!;
    const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(100);
    for (const entry of files) {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      for (const secret of [PASSWORD, PASSPHRASE, line])
        expect(bytes.includes(secret), `${entry.name} holds a secret`).toBe(false);
    }
    up = await startUp(dataDir, 2);
  });

  it('goes on under a new master key, agents too, and needs the old one no more', async () => {
    const keyFile = join(dataDir, 'server', 'master.key');
    const old = readFileSync(keyFile, 'utf8').trim();
    const young = randomBytes(32).toString('base64');
    const works = async (): Promise<void> =>
      expect(await cliOf(up)('run', '-t', 'all', '--json', '--', 'true')).toMatchObject({ code: 0 });
    const restart = async (keys: string): Promise<void> => {
      await stopUp(up);
      writeFileSync(keyFile, keys);
      up = await startUp(dataDir, 2);
    };
    await restart(`${young}\n${old}\n`);
    await works();
    const moved = JSON.parse((await cliOf(up)('accounts', 'rotate-keys', '--json')).stdout) as {
      accountSecrets: number;
      systemSecrets: number;
      unreadable: number;
    };
    expect(moved).toMatchObject({ systemSecrets: 2, unreadable: 0 });
    expect(moved.accountSecrets).toBeGreaterThan(0);
    await restart(young);
    await works();
    expect(JSON.parse((await cliOf(up)('accounts', 'rotate-keys', '--json')).stdout)).toMatchObject({
      accountSecrets: 0,
      systemSecrets: 0,
      unreadable: 0,
    });
  });

  it('keeps secrets out of core files: the server and the worker may write none', () => {
    const processes = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((text) => text.trim().split(/\s+/).map(Number));
    const children = processes
      .filter(
        ([, parent]) =>
          parent === up.process.pid ||
          processes.some(([pid, grandparent]) => pid === parent && grandparent === up.process.pid),
      )
      .map(([pid]) => pid!);
    const roles = children.map((pid) => ({
      command: readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').join(' '),
      core: /^Max core file size +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1],
    }));
    const holders = roles.filter(({ command }) => /drover\S* (server|worker) /.test(`${command} `));
    expect(holders.length).toBeGreaterThanOrEqual(2);
    for (const { command, core } of holders) expect(core, command).toBe('1');
  });
});
