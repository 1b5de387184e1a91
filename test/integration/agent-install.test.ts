/**
 * The installer on this machine under a prefix of its own, with dash and with busybox alone: installs, joins, comes again, refuses what it should,
 * upgrades and removes. Where systemd is not to be touched it leaves an init script, which is what is run here.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createClient, dataOf } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId, type HostId } from '../../src/base/ids.ts';
import { formatJoinToken, hashSecret, hostJoinSecret, newSecret } from '../../src/pki/join-token.ts';
import { installProgram } from '../../src/agent-install/install-program.ts';
import { buildVersion, executableOf } from '../support/agent-packages.ts';
import { acquireFolderLock } from '../../src/base/node-lock.ts';
import { Cluster } from '../support/cluster.ts';
import { Installer, type InstallerAnswer, type InstallerShell } from '../support/installer.ts';
import { until } from '../support/until.ts';

/** Of a process that may be gone by now. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

type Rest = Parameters<Installer['run']> extends [unknown, unknown, ...infer More] ? More : never;

describe('the installer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-install-'));
  const packages = join(folder, 'packages');
  const installer = new Installer(folder);
  const { shells } = installer;
  const prefixes = new Set<string>();
  let cluster: Cluster;
  let token: string;

  const mirror = createServer((request, response) => {
    response.end(readFileSync(join(packages, basename(request.url!))));
  });
  let mirrorUrl: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
    mirrorUrl = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`;
    mkdirSync(packages);
    installer.prepare();
    await buildVersion(packages, '1.0.0');
    await buildVersion(packages, '1.1.0');
    cluster = await Cluster.start({ servers: 1, workers: 1, agents: 0, serverEnv: { DROVER_PACKAGES: packages } });
  }, 180_000);
  afterAll(async () => {
    for (const prefix of prefixes) await install(shells[0]!, prefix, ['uninstall', '--force', '--purge']);
    mirror.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function install(shell: InstallerShell, prefix: string, ...more: Rest): Promise<InstallerAnswer> {
    prefixes.add(prefix);
    return installer.run(shell, prefix, ...more);
  }
  const prefixOf = (name: string): string => join(folder, name);
  const currentOf = (prefix: string): string => readlinkSync(join(prefix, 'usr/local/lib/drover/current'));
  const linked = async (host: string): Promise<boolean | undefined> => (await cluster.store.hostFetch(host))?.linked;
  const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
  const factsOf = (executable: string): string[] => [
    ...['--sha256', sha256(executable), '--size', String(statSync(executable).size)],
    ...['--file-sha256', sha256(`${executable}.gz`), '--file-size', String(statSync(`${executable}.gz`).size)],
  ];
  const joinToken = async (): Promise<string> => {
    // As a user makes it: the fingerprint of the authority in it is what the installer compares.
    return dataOf(
      await createClient({ baseUrl: cluster.urls[0]!, token: cluster.token }).POST('/api/v1/join-tokens', { body: {} }),
    ).token;
  };

  it.each(shells)(
    'installs with $name, runs scripts, comes again without harm, and goes to another version',
    async (shell) => {
      const prefix = prefixOf(shell.name);
      token = await joinToken();
      const gz = readFileSync(`${executableOf(packages, '1.0.0')}.gz`);
      const first = await install(
        shell,
        prefix,
        [
          'install',
          '--executable',
          '-',
          '--sha256',
          sha256(executableOf(packages, '1.0.0')),
          '--name',
          `installed-${shell.name}`,
          '--label',
          'role=test',
          '--label',
          `shell=${shell.name}`,
        ],
        { DROVER_JOIN: token },
        gz,
      );
      expect(first).toMatchObject({ code: 0, out: 'drover-agent 1.0.0 installed and linked\n' });
      expect((await cluster.store.hostFetch(`installed-${shell.name}`))!.labels).toEqual({
        role: 'test',
        shell: shell.name,
      });
      expect((await install(shell, prefix, ['status'])).out).toMatch(/^drover-agent 1\.0\.0 linked/);
      const pid = readFileSync(join(prefix, 'var/lib/drover-agent/link'), 'utf8');
      // The same again: nothing is started anew, and the token (used up) is not asked for.
      expect(
        await install(
          shell,
          prefix,
          ['install', '--executable', executableOf(packages, '1.0.0'), '--name', `installed-${shell.name}`],
          { DROVER_JOIN: token },
        ),
      ).toMatchObject({ code: 0 });
      expect(readFileSync(join(prefix, 'var/lib/drover-agent/link'), 'utf8')).toBe(pid);
      // Another version from a URL, the service restarted, the same agent.
      const agentId = (await cluster.store.hostFetch(`installed-${shell.name}`))!.agentId;
      // A wget that knows no TLS, as busybox's, fetches from a place of the operator's own.
      const from = shell.name === 'busybox' ? mirrorUrl : `${cluster.urls[0]!}/agent-packages`;
      const url = `${from}/drover-agent-1.1.0-linux-${process.arch}.gz`;
      expect(
        await install(shell, prefix, ['install', '--url', url, ...factsOf(executableOf(packages, '1.1.0'))]),
      ).toMatchObject({ code: 0, out: 'drover-agent 1.1.0 installed and linked\n' });
      expect(currentOf(prefix)).toBe('1.1.0');
      expect((await cluster.store.hostFetch(`installed-${shell.name}`))!.agentId).toBe(agentId);
      // An upgrade by order finds all it needs, also back to a version that is there already.
      const client = createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
      const { id } = dataOf(
        await client.POST('/api/v1/upgrades', {
          body: { targets: `installed-${shell.name}`, version: '1.0.0', batch: 1, maxFailed: 0, wait: '40s' },
        }),
      );
      await until(
        'the upgrade by order',
        async () =>
          dataOf(await client.GET('/api/v1/upgrades/{id}', { params: { path: { id } } })).state === 'succeeded',
        60_000,
      );
      expect(currentOf(prefix)).toBe('1.0.0');
    },
    120_000,
  );

  it('is what the server hands out', async () => {
    expect(await (await fetch(`${cluster.urls[0]!}/agent-install.sh`)).text()).toBe(installProgram());
  });

  it('installs by a run, on hosts that were known without an agent, with a token that is good for them alone', async () => {
    const hostId = newId<'host'>() as HostId;
    const database = new pg.Client({ connectionString: cluster.databaseUrl });
    await database.connect();
    await database.query("INSERT INTO host (id, name, created_at_ms) VALUES ($1, 'bare', 0)", [hostId]);
    await database
      .query("UPDATE setting SET value = value + 1 WHERE name = 'host-directory'")
      .finally(() => database.end());
    const client = createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
    const started = dataOf(
      await client.POST('/api/v1/agents/install', {
        body: { targets: 'bare', zone: 'default', concurrency: 5, version: '1.0.0' },
      }),
    );
    const run = dataOf(await client.GET('/api/v1/runs/{runId}', { params: { path: { runId: started.id } } }));
    expect(run).toMatchObject({
      name: 'install agent 1.0.0',
      script: installProgram(),
      lang: 'sh',
      concurrency: 5,
      secretNames: ['DROVER_JOIN'],
    });
    // Nothing of it is to begin; that its host has neither an agent nor an address may have ended it already.
    await client.POST('/api/v1/runs/{runId}/cancel', { params: { path: { runId: started.id } } }).catch((error) => {
      if ((error as { code?: unknown }).code !== 'run-already-finished') throw error;
    });
    // What the run would do there, by hand.
    const tokenFor = async (...hosts: HostId[]): Promise<string> => {
      const ofAll = newSecret();
      await cluster.store.joinTokenCreate(
        {
          id: newId(),
          role: 'agent',
          labels: {},
          zone: 'default',
          uses: hosts.length,
          lifetimeMs: 60_000,
          hosts: hosts.map((id) => ({ id, hash: hashSecret(hostJoinSecret(ofAll, id)) })),
        },
        { actor: { kind: 'system', id: 'test', name: 'test' }, action: 'test', target: 'test', detail: {} },
      );
      return formatJoinToken({
        url: cluster.urls[0]!,
        fingerprint: cluster.fingerprint,
        secret: hostJoinSecret(ofAll, hosts[0]!),
      });
    };
    const [dash] = shells;
    const refusedWith = async (prefix: string, env: Record<string, string>): Promise<string | undefined> =>
      /drover-install: ([a-z-]+): /.exec((await install(dash!, prefix, run.args ?? [], env)).error)?.[1];
    // A token of the common kind does not take a host over that is known.
    expect(await refusedWith(prefixOf('thief'), { DROVER_HOST: 'bare', DROVER_JOIN: await joinToken() })).toBe(
      'host-name-taken',
    );
    const own = await tokenFor(hostId, (await cluster.store.hostFetch('installed-dash'))!.id);
    expect(
      await install(dash!, prefixOf('bare'), run.args ?? [], { DROVER_HOST: 'bare', DROVER_JOIN: own }),
    ).toMatchObject({
      code: 0,
      out: 'drover-agent 1.0.0 installed and linked\n',
    });
    expect(await cluster.store.hostFetch('bare')).toMatchObject({ id: hostId, linked: true });
    // Once, though another of its hosts has not joined.
    expect(await refusedWith(prefixOf('thief'), { DROVER_HOST: 'bare', DROVER_JOIN: own })).toBe('join-token-expired');
    expect(
      (
        await install(dash!, prefixOf('thief'), [
          'install',
          '--package',
          `none=${'0'.repeat(64)}=1=${'0'.repeat(64)}=1=http://127.0.0.1:1/x`,
        ])
      ).error,
    ).toContain('drover-install: package-not-found: ');
  });

  it('refuses what is not right, with a code, and leaves what was there', async () => {
    const [dash] = shells;
    const prefix = prefixOf('refused');
    const executable = executableOf(packages, '1.0.0');
    const codeOf = ({ error }: InstallerAnswer): string | undefined => /drover-install: ([a-z-]+): /.exec(error)?.[1];
    expect((await install(dash!, prefix, ['install', '--no-such'])).code).toBe(2);
    expect(codeOf(await install(dash!, prefix, ['install']))).toBe('package-not-found');
    expect(
      codeOf(await install(dash!, prefix, ['install', '--executable', executable, '--sha256', 'f'.repeat(64)])),
    ).toBe('package-invalid');
    expect(
      codeOf(
        await install(
          dash!,
          prefix,
          ['install', '--executable', '-'],
          {},
          readFileSync(`${executable}.gz`).subarray(0, 100_000),
        ),
      ),
    ).toBe('package-invalid');
    expect(codeOf(await install(dash!, prefix, ['install', '--executable', '/bin/false']))).toBe('package-unusable');
    expect(codeOf(await install(dash!, prefix, ['install', '--url', 'http://127.0.0.1:1/x']))).toBe('package-invalid');
    expect(codeOf(await install(dash!, prefix, ['install', '--executable', executable]))).toBe('join-token-invalid');
    expect(codeOf(await install(dash!, prefix, ['install', '--executable', executable], { DROVER_JOIN: token }))).toBe(
      'join-token-expired',
    );
    expect(existsSync(join(prefix, 'etc/init.d/drover-agent'))).toBe(false);
    // Nothing that was not there before.
    for (const path of ['usr/local/lib/drover', 'var/lib/drover-agent'])
      expect(existsSync(join(prefix, path)), path).toBe(false);
    // Of another server: its authority is another.
    const foreign = `drj_${Buffer.from(JSON.stringify([cluster.urls[0]!, 'another-authority', 'secret'])).toString('base64url')}`;
    expect(
      codeOf(await install(dash!, prefixOf('dash'), ['install', '--executable', executable], { DROVER_JOIN: foreign })),
    ).toBe('data-folder-foreign');
    expect(await linked('installed-dash')).toBe(true);
  });

  it('leaves no file where the data folder is in use, and keeps what was there', async () => {
    const [dash] = shells;
    const prefix = prefixOf('in-use');
    const data = join(prefix, 'var/lib/drover-agent');
    const holder = await acquireFolderLock(data, 'agent');
    try {
      const args = ['install', '--executable', executableOf(packages, '1.0.0'), '--name', 'in-use'];
      const env = { DROVER_JOIN: await joinToken() };
      expect((await install(dash!, prefix, args, env)).error).toContain('drover-install: data-folder-in-use: ');
      for (const path of ['usr/local/lib/drover', 'etc/init.d/drover-agent'])
        expect(existsSync(join(prefix, path)), path).toBe(false);
      mkdirSync(join(prefix, 'usr/local/lib/drover/0.9.0'), { recursive: true });
      expect((await install(dash!, prefix, args, env)).error).toContain('drover-install: data-folder-in-use: ');
      expect(readdirSync(join(prefix, 'usr/local/lib/drover'))).toEqual(['0.9.0']);
      expect(existsSync(data)).toBe(true);
    } finally {
      holder.release();
    }
  });

  it('does not remove an agent under running scripts unless it must, and leaves nothing but data', async () => {
    const [dash] = shells;
    const prefix = prefixOf('dash');
    const client = createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
    const flag = join(folder, 'go-on');
    const run = dataOf(
      await client.POST('/api/v1/runs', {
        body: { targets: 'installed-dash', script: `while [ ! -e ${flag} ]; do sleep 0.1; done` },
      }),
    );
    await until(
      'it runs',
      async () =>
        dataOf(await client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: run.id } } })).items[0]!
          .state === 'running',
    );
    // Who must be waited for is named.
    expect((await install(dash!, prefix, ['uninstall'])).error).toMatch(
      /^drover-install: host-in-use: Scripts run on this host: .*pid \d+ \(.*\/spool\/.*\/script\)/m,
    );
    expect(await linked('installed-dash')).toBe(true);
    writeFileSync(flag, '');
    await until(
      'it has ended',
      async () =>
        dataOf(await client.GET('/api/v1/runs/{runId}', { params: { path: { runId: run.id } } })).state === 'succeeded',
    );
    expect(await install(dash!, prefix, ['uninstall'])).toMatchObject({ code: 0 });
    expect(existsSync(join(prefix, 'usr/local/lib/drover'))).toBe(false);
    expect(existsSync(join(prefix, 'var/lib/drover-agent/identity.json'))).toBe(true);
    await until('it is gone', async () => (await linked('installed-dash')) === false);
    // Back as who it was, without a token.
    expect(await install(dash!, prefix, ['install', '--executable', executableOf(packages, '1.0.0')])).toMatchObject({
      code: 0,
    });
    expect(await install(dash!, prefix, ['uninstall', '--purge'])).toMatchObject({ code: 0 });
    expect(existsSync(join(prefix, 'var/lib/drover-agent'))).toBe(false);
  });

  it.each(shells)(
    'removed by force with $name, leaves the scripts alone, and nothing of itself once they have ended',
    async (shell) => {
      const prefix = prefixOf(`forced-${shell.name}`);
      const host = `forced-${shell.name}`;
      const flag = join(folder, `${host}-ended`);
      const client = createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
      expect(
        await install(shell, prefix, ['install', '--executable', executableOf(packages, '1.0.0'), '--name', host], {
          DROVER_JOIN: await joinToken(),
        }),
      ).toMatchObject({ code: 0 });
      const run = dataOf(
        await client.POST('/api/v1/runs', {
          body: {
            targets: host,
            script: `exec > /dev/null 2>&1\nwhile [ ! -e ${flag} ]; do sleep 0.1; done\n: > ${flag}.too`,
          },
        }),
      );
      await until(
        'it runs',
        async () =>
          dataOf(await client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: run.id } } })).items[0]!
            .state === 'running',
      );
      const ofAgent = (): string[] =>
        readdirSync('/proc').filter(
          (pid) => /^\d+$/.test(pid) && textOf(`/proc/${pid}/cmdline`).includes(`${prefix}/`),
        );
      // It writes elsewhere, and runs all the same.
      expect((await install(shell, prefix, ['uninstall'])).error).toContain('drover-install: host-in-use: ');
      const removed = await install(shell, prefix, ['uninstall', '--force', '--purge']);
      expect(removed).toEqual({ code: 0, out: 'removed, with its data\n', error: '' });
      expect(existsSync(join(prefix, 'var/lib/drover-agent'))).toBe(false);
      expect(ofAgent().length).toBeGreaterThanOrEqual(2);
      writeFileSync(flag, '');
      await until('the script to have ended', () => existsSync(`${flag}.too`));
      await until('its supervisor to be gone', () => ofAgent().length === 0);
      expect(await install(shell, prefix, ['uninstall'])).toMatchObject({ code: 0 });
    },
    60_000,
  );
});
