/**
 * What README and docs tell a reader to type works as it stands: every ```sh block, page by page, in order, from a clean folder. A page
 * that is new needs a reader below; a command that cannot be run on a machine for tests is declared in `NOT_RUN`, with what is held of it
 * instead. Either way something fails until it is done.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hostKeyFingerprint } from '../../src/app/host-key.ts';
import type { HostId } from '../../src/base/ids.ts';
import { addCommands } from '../../src/cli/commands.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { commandsOf, documentedPages, type DocumentedCommand } from '../support/command-blocks.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { requiring } from '../support/needs.ts';
import { PageShell } from '../support/page-shell.ts';
import { receiver } from '../support/receiver.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';
import { freePort, isRoot, SshWorld } from '../support/sshd.ts';

/** Page, how the command begins, and why it is not run here. Held of it is that its command, script and options exist. */
const NOT_RUN: readonly (readonly [page: string, begins: string, why: string])[] = [
  ['README.md', 'npm run demo', 'the first run has it too, where it is run'],
  ['README.md', 'npm test', 'it is what runs this'],
  ['README.md', 'npm ci', 'it would replace the packages that run this; the pages run with them'],
  ['README.md', './drover agents install', 'it would install on this machine; agent-install.test.ts does'],
  ['docs/guides/agents.md', 'drover agents install', 'needs packages and hosts; agent-install.test.ts has them'],
  ['docs/guides/agents.md', 'drover agents upgrade', 'needs packages and hosts; agent-upgrade.test.ts has them'],
  ['docs/guides/agents.md', 'DROVER_JOIN=drj_… sh install.sh', 'would install on this machine; agent-install.test.ts'],
  ['docs/guides/agents.md', 'sh install.sh', 'would install on this machine; agent-install.test.ts'],
  ['docs/guides/calls.md', 'drover job run', 'needs a worker and somebody to ask; calls.test.ts has both'],
  ['docs/guides/calls.md', 'drover runs', 'of the run before; calls.test.ts looks at it'],
  ['docs/guides/sql.md', 'drover job run', 'needs a database; calls-sql.test.ts has one'],
  ['docs/guides/sql.md', 'drover runs', 'of the run before; calls-sql.test.ts looks at it'],
  ['docs/guides/calls.md', 'drover worker', 'calls.test.ts starts one with that option'],
  ['docs/guides/calls.md', 'drover up', 'up.test.ts starts one with that option'],
  ['docs/guides/jobs.md', 'drover job run', 'the hosts of the job are not here; job-runs.test.ts runs jobs'],
  ['docs/guides/jobs.md', 'drover runs', 'of the run before; job-runs.test.ts looks at runs of jobs'],
  ['docs/guides/rollouts.md', 'drover run', 'needs several hosts; rollouts.test.ts has them'],
  ['docs/guides/tasks-without-hosts.md', 'drover run', 'needs workers that take tasks; tasks-without-hosts.test.ts'],
  ['docs/guides/tasks-without-hosts.md', 'drover runs why', 'of the run before; tasks-without-hosts.test.ts asks'],
  ['docs/guides/tasks-without-hosts.md', 'useradd', 'it would make a user of this machine'],
  ['docs/guides/tasks-without-hosts.md', 'drover worker', 'as which user, tasks-without-hosts.test.ts tries'],
  ['docs/operations/install.md', 'npm ci', 'it would replace the packages that run this; fresh-machine does it'],
  ['docs/operations/install.md', 'npm pack', 'package.test.ts packs'],
  ['docs/operations/install.md', 'npm install -g', 'package.test.ts installs what was packed'],
  ['docs/operations/install.md', './drover up', 'README and the first run start one'],
  ['docs/operations/install.md', 'drover up', 'package.test.ts starts one from the package'],
];

// A page is many commands, on a slow machine too.
vi.setConfig({ testTimeout: 300_000 });

const notRun = ({ page, text }: DocumentedCommand): string | undefined =>
  NOT_RUN.find(([at, begins]) => at === page && text.startsWith(begins))?.[2];
const worked: string[] = [];

/** Works through a page. `before` is done right before the command that begins so. */
async function read(
  page: string,
  shell: PageShell,
  before: Readonly<Record<string, () => unknown>> = {},
): Promise<Record<string, string>> {
  worked.push(page);
  const shown: Record<string, string> = {};
  for (const command of commandsOf(page).commands) {
    if (notRun(command) !== undefined) continue;
    for (const [begins, act] of Object.entries(before)) if (command.text.startsWith(begins)) await act();
    const { code, stdout, stderr } = await shell.run(command.text);
    shown[command.text] = stdout;
    if (code !== command.exitCode)
      throw new Error(
        `${page}:${command.line} \`${command.text}\` ended with ${code}, not ${command.exitCode}: mend the page, or say \`# exit code ${code}\` if that is meant.\n${stderr}${stdout}`,
      );
  }
  return shown;
}

const shells: PageShell[] = [];
function newShell(env: Readonly<Record<string, string>> = {}): PageShell {
  const shell = new PageShell(env);
  shells.push(shell);
  return shell;
}
afterAll(async () => {
  for (const shell of shells.reverse()) await shell.end();
});

requiring('sshd', 'python3').describe('who follows the pages with a server of their own', () => {
  const ssh = new SshWorld();
  let shell: PageShell;
  beforeAll(() => {
    shell = newShell();
  });
  afterAll(() => ssh.end());

  it('gets through README', async () => {
    const sshd = await ssh.start();
    shell.file('~/.ssh/id_ed25519', ssh.userKey.text);
    shell.file('token.txt', 'not-shown-to-anybody');
    shell.file('inventory/hosts', '[web]\nweb-[10:11] ansible_host=127.0.0.1\n');
    for (const [from, to] of [
      ['./drover up', './drover up --data ~/data --listen 127.0.0.1:0'],
      ['--address 10.0.0.9', `--address ${sshd.address} --port ${sshd.port}`],
      ['--user root', `--user ${ssh.user}`],
    ] as const)
      shell.standsFor.set(from, to);
    const shown = await read('README.md', shell, {
      './drover hosts list': () => shell.findUp(),
    });
    const of = (begins: string): string => Object.entries(shown).find(([text]) => text.startsWith(begins))![1];
    expect(of('./drover hosts list')).toContain(hostname().toLowerCase());
    expect(of('./drover run -t all --script')).toContain(hostname().toLowerCase());
    expect(of("./drover run -t 'web-* ")).toContain('web-9');
    expect(of('./drover login')).toContain('logged in to');
  });

  it('asks before a job goes on, and is answered', async () => {
    const page = readFileSync(join(root, 'docs/guides/approvals.md'), 'utf8');
    shell.file('release.yaml', /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    const asks = (): Promise<unknown> =>
      until('the run to ask', async () => (await shell.run('drover runs list')).stdout.includes('paused, asks'));
    const shown = await read('docs/guides/approvals.md', shell, { 'drover runs answer last yes': asks });
    expect(shown['drover runs show last']).toContain('tests are green');
  });

  it('gets through the pages about targets, secrets and retries on it', async () => {
    const me = hostname().toLowerCase();
    await shell.run(`drover hosts label ${me} role=web zone=eu-1`);
    await shell.run('drover hosts add web-7');
    shell.file('check.sh', 'true\n');
    await read('docs/guides/targets.md', shell);
    await shell.run(`drover hosts label ${me} role=db`);
    shell.file('pw.txt', 'a-good-password');
    shell.file('backup.sh', 'echo "got $DB_PASSWORD"\n');
    const secrets = await read('docs/guides/secrets.md', shell);
    expect(Object.values(secrets).join('')).toContain('got ******');
    expect((await shell.run(`drover run -t ${me} -- 'test -e ${shell.folder}/mended'`)).code).toBe(1);
    shell.file('mended', '', 0o644);
    await read('docs/guides/retry-and-loss.md', shell);
    await read('docs/guides/outputs.md', shell);
    const page = readFileSync(join(root, 'docs/guides/conditions.md'), 'utf8');
    shell.file('tidy-hosts.yaml', /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    const shown = await read('docs/guides/conditions.md', shell);
    expect(shown['drover runs show last']).toContain('when not params.dry_run: not met (params.dry_run is true)');
  });

  it('backs it up, and restores it into a new folder and into an empty database', async () => {
    const [external, empty] = [await testDatabase(), await testDatabase()];
    const bare = empty.url.replace(/[^/]+$/, 'bare_$&');
    await empty.query(`CREATE DATABASE ${new URL(bare).pathname.slice(1)} TEMPLATE template0`);
    mkdirSync(join(shell.home, 'backups'));
    copyFileSync(join(shell.home, 'data', 'server', 'master.key'), join(shell.folder, 'master.key'));
    for (const [from, to] of [
      [' /backups/', ` ${shell.home}/backups/`],
      [`drover backup ${shell.home}`, `drover backup --data ~/data ${shell.home}`],
      ['drover restore drover.backup --master-key', 'drover restore drover.backup --data ~/restored --master-key'],
      ['postgres://…', external.url],
    ] as const)
      shell.standsFor.set(from, to);
    const shown = await read('docs/operations/backup.md', shell, {
      // The second of the page is another installation's.
      'DATABASE_URL=postgres://… drover backup': () =>
        copyFileSync(join(shell.home, 'backups', 'drover.backup'), join(shell.folder, 'drover.backup')),
      'DATABASE_URL=postgres://… drover restore': () => shell.standsFor.set('postgres://…', bare),
    });
    expect(Object.keys(shown)).toHaveLength(5);
    expect(existsSync(join(shell.home, 'lib', 'drover', 'server', 'master.key'))).toBe(true);
    await empty.query(`DROP DATABASE ${new URL(bare).pathname.slice(1)} WITH (FORCE)`);
    for (const database of [external, empty]) await database.drop();
  });

  it('gets through the first run', async () => {
    const own = newShell();
    own.standsFor.set('./drover up', './drover up --listen 127.0.0.1:0');
    own.standsFor.set(
      'drover agent --join',
      'drover agent --data ~/new-host --name new-host --machine-id another --join',
    );
    own.standsFor.set('npm run demo', `npm --silent --prefix '${root}' run demo -- --once`);
    const shown = await read('docs/guides/first-run.md', own, { 'export DROVER_URL': () => own.findUp() });
    expect((await own.run('drover hosts list')).stdout).toMatch(/^new-host .*agent/m);
    expect(shown['npm run demo']).toContain('local-[1,2,4-8] (7) succeeded');
    expect(shown['./drover up --data ~/drover']).toMatch(
      isRoot ? 'where scripts run as nobody' : 'where scripts run as you',
    );
  });
});

describe('who follows the pages about hosts and accounts', () => {
  let api: TestApi;
  let env: Record<string, string>;
  beforeAll(async () => {
    api = await testApi({ outboundAllowed: '127.0.0.1' });
    env = {
      DROVER_URL: await api.app.listen({ host: '127.0.0.1', port: 0 }),
      DROVER_TOKEN: await api.token('admin', 600_000),
    };
  });
  afterAll(() => api.close());

  const keyFile = (path: string, passphrase = ''): void =>
    void execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', path]);

  requiring('ssh-keygen').it('makes accounts', async () => {
    const shell = newShell(env);
    shell.file('~/.ssh/known_hosts', '');
    keyFile(join(shell.home, '.ssh', 'deploy'));
    keyFile(join(shell.folder, 'ops.key'), 'opens it');
    shell.file('ops.pass', 'opens it\n');
    shell.file('root.txt', 'a-good-password\n');
    await shell.run('drover hosts add db-1 --label role=db');
    const shown = await read('docs/guides/accounts.md', shell);
    expect(Object.values(shown).at(-1)).toContain('base');
    await shell.run('drover hosts remove db-1');
  });

  it('adds hosts without agents, imports them, and decides about their keys', async () => {
    const shell = newShell(env);
    await shell.run('printf secret >pw; drover accounts create ops --scope all --user ops --password @pw');
    shell.file('servers.csv', 'name,address\nweb-1,10.0.0.31\n');
    shell.file('inventory/hosts', '[app]\napp-1 ansible_host=10.0.0.41 ansible_user=deploy\n');
    shell.file('~/.ssh/config', 'Host gw\n  HostName 10.0.0.51\n');
    const [known, offered] = [hostKey('known'), hostKey('offered')];
    shell.standsFor.set(
      '/etc/ssh/ssh_known_hosts',
      shell.file('ssh_known_hosts', `db-1 ssh-ed25519 ${known.toString('base64')}\n`),
    );
    shell.standsFor.set('SHA256:uNiVztksCsDh', hostKeyFingerprint(offered));
    const shown = await read('docs/guides/hosts-without-agents.md', shell, {
      'drover hosts keys list': async () => {
        const { id } = JSON.parse((await shell.run('drover hosts show db-1 --json')).stdout) as { id: string };
        for (const key of [known, offered])
          await api.store.hostKeyRecord(id as HostId, { algorithm: 'ssh-ed25519', key }, { zone: 'dc1' });
      },
    });
    expect(shown['drover hosts keys list db-1']).toContain('offered');
  });

  it('writes a job, publishes it and looks at its versions', async () => {
    const shell = newShell(env);
    const page = readFileSync(join(root, 'docs/guides/jobs.md'), 'utf8');
    shell.file('deploy-web.yaml', /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    const shown = await read('docs/guides/jobs.md', shell);
    expect(shown['drover job validate deploy-web.yaml']).toBe('deploy-web.yaml: deploy-web is a job\n');
    expect(shown['drover job versions deploy-web']).toContain('published');
    expect(shown['drover job list --team web']).toContain('deploy-web');
  });

  it('writes a job that asks a service, and publishes it', async () => {
    const shell = newShell(env);
    const page = readFileSync(join(root, 'docs/guides/calls.md'), 'utf8');
    shell.file('announce.yaml', /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    const shown = await read('docs/guides/calls.md', shell);
    expect(shown['drover job validate announce.yaml']).toBe('announce.yaml: announce is a job\n');
  });

  it('writes a job that asks a database, and publishes it', async () => {
    const shell = newShell(env);
    const page = readFileSync(join(root, 'docs/guides/sql.md'), 'utf8');
    shell.file('late-orders.yaml', /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    const shown = await read('docs/guides/sql.md', shell);
    expect(shown['drover job validate late-orders.yaml']).toBe('late-orders.yaml: late-orders is a job\n');
  });

  it('makes jobs of another form', async () => {
    const shell = newShell(env);
    const page = readFileSync(join(root, 'docs/guides/convert.md'), 'utf8');
    shell.file('nightly.xml', /```xml\n([\s\S]*?)```/.exec(page)![1]!);
    const shown = await read('docs/guides/convert.md', shell);
    expect(shown['drover job convert --from xml nightly.xml']).toContain('--day, "${{ params.day }}"');
    expect(shown['drover job validate jobs/nightly.yaml']).toBe('jobs/nightly.yaml: nightly is a job\n');
  });

  it('makes channels, and tries one', async () => {
    const far = await receiver();
    const shell = newShell(env);
    for (const name of ['secret', 'dingtalk-secret', 'mail']) shell.file(`${name}.txt`, 'SEC-a-secret-of-a-robot\n');
    for (const name of ['slack-url', 'dingtalk-url']) shell.file(`${name}.txt`, `${far.url}/robot\n`);
    shell.standsFor.set('https://hooks.example.com', far.url);
    const shown = await read('docs/guides/notices.md', shell);
    expect(shown['drover channels test ops']).toContain('has taken the message. It said: 200 ok');
    expect(shown['drover channels list']).toContain('oncall');
    await far.end();
  });

  it('looks at agents, and decides about twins', async () => {
    const shell = newShell(env);
    const twins: string[] = [];
    for (const times of [0, 1, 2, 3]) {
      const { stdout } = await shell.run('drover agents join-token create --json');
      const { token } = JSON.parse(stdout) as { token: string };
      const { name } = (await (
        await fetch(`${env.DROVER_URL}/api/v1/agents/join`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            secret: (JSON.parse(Buffer.from(token.slice(4), 'base64url').toString()) as string[])[2],
            csr: certificateRequest(newKey()),
            name: 'web-1',
            machineId: 'one of a batch',
            labels: {},
          }),
        })
      ).json()) as { name: string };
      if (times > 0) twins.push(name);
    }
    for (const [i, example] of ['web-1-twin-3f9a01', 'web-1-twin-81c2d4', 'web-1-twin-e07b55'].entries())
      shell.standsFor.set(example, twins[i]!);
    const shown = await read('docs/guides/agents.md', shell);
    expect(shown['drover hosts twins']).toContain(twins[0]);
  });
});

describe('who follows the pages about servers', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  requiring('curl', 'openssl', 'python3').it('starts a cluster, and speaks to it', async () => {
    const shell = newShell();
    for (const [from, to] of [
      ['postgres://drover:…@db/drover', database.url],
      ['10.0.0.1:7070', `127.0.0.1:${await freePort('127.0.0.1')}`],
      ['10.1.0.5:7071', `127.0.0.1:${await freePort('127.0.0.1')}`],
    ] as const)
      shell.standsFor.set(from, to);
    const shown = await read('docs/guides/run-a-cluster.md', shell);
    expect(shown['drover login https://10.0.0.1:7070']).toMatch(
      /has an authority of its own[^]*logged in to \S+ as ann/,
    );
    await shell.end();
  });

  it('migrates as the owner of the database, and starts a server', async () => {
    const shell = newShell();
    const own = await testDatabase();
    shell.standsFor.set('postgres://drover:…@db/drover', own.url);
    shell.standsFor.set('postgres://drover_owner:…@db/drover', own.url);
    shell.standsFor.set('drover server --data', 'drover server --listen 127.0.0.1:0 --data');
    await read('docs/operations/install.md', shell);
    await shell.end();
    await own.drop();
  });
});

describe('the pages', () => {
  const pages = documentedPages().map((page) => ({ page, ...commandsOf(page) }));

  it('have no command that is neither run nor declared', () =>
    expect(
      pages
        .filter(
          ({ page, commands }) => !worked.includes(page) && commands.some((command) => notRun(command) === undefined),
        )
        .map(({ page }) => `${page} has commands and nobody follows it: add a reader in documented-commands.test.ts`),
    ).toEqual([]));

  it('show commands in ```sh blocks only, where they are run', () =>
    expect(pages.flatMap(({ unmarked }) => unmarked.map(({ page, line, text }) => `${page}:${line} ${text}`))).toEqual(
      [],
    ));

  it('have every command that is declared as not run', () => {
    const all = pages.flatMap(({ commands }) => commands);
    expect(NOT_RUN.filter(([page, begins]) => !all.some((c) => c.page === page && c.text.startsWith(begins)))).toEqual(
      [],
    );
  });

  it('are helped by `--help`, which has every option of the roles but those that their supervisors give', async () => {
    const program = new Command('drover');
    await addCommands(program, 'completion');
    const internal = ['agents-share-user', 'database-folder', 'enrol-only', 'version'];
    const unsaid = ['up', 'server', 'worker', 'agent'].flatMap((role) => {
      const source = readFileSync(join(root, `src/bin/drover-${role}.ts`), 'utf8');
      const said = program.commands.find((one) => one.name() === role)!.options.map((option) => option.long!.slice(2));
      return [...source.matchAll(/^ {6}'?([a-z-]+)'?: \{ type: '/gm)]
        .map(([, name]) => name!)
        .filter((name) => !said.includes(name) && !internal.includes(name))
        .map((name) => `drover ${role} --${name}`);
    });
    expect(unsaid).toEqual([]);
  });

  it('name commands, scripts and options that exist', async () => {
    const program = new Command('drover');
    await addCommands(program, 'completion');
    expect(pages.flatMap(({ commands }) => commands.flatMap((command) => faultsOf(program, command)))).toEqual([]);
  });
});

function hostKey(seed: string): Buffer {
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return Buffer.concat([part(Buffer.from('ssh-ed25519')), part(createHash('sha256').update(seed).digest())]);
}

/** By the words alone: which of them no command, script or option of the project is. */
function faultsOf(program: Command, { page, line, text }: DocumentedCommand): string[] {
  const words = (text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).filter(
    (word, i, all) => !(/^[A-Z_]+=/.test(word) && all.slice(0, i).every((one) => /^[A-Z_]+=/.test(one))),
  );
  const [first, ...rest] = words;
  const at = (what: string): string[] => [`${page}:${line} ${what}: ${text}`];
  if (first === 'npm' && rest[0] === 'run') {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    return Object.hasOwn(scripts, rest[1]!) ? [] : at(`there is no script ${rest[1]}`);
  }
  if (first === 'sh' && rest[0] === 'install.sh') {
    const installer = readFileSync(join(root, 'src/agent-install/install.sh'), 'utf8');
    return rest
      .filter((word) => /^--\w/.test(word) && !installer.includes(word))
      .flatMap((word) => at(`there is no option ${word}`));
  }
  if (first !== 'drover' && first !== './drover') return [];
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  let command = program;
  for (const word of own) {
    const below = command.commands.find((one) => one.name() === word);
    if (!below) break;
    command = below;
  }
  // A group by itself is a command where it lists.
  if (command === program || (command.commands.length > 0 && own.at(-1) !== command.name()))
    return at('there is no such command');
  return own
    .filter((word) => /^--?[a-z]/.test(word))
    .filter((word) => !command.options.some((option) => [option.short, option.long].includes(word.split('=')[0]!)))
    .flatMap((word) => at(`there is no option ${word}`));
}
