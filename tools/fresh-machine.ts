/**
 * `npm run fresh-machine`: both README commands in a bare Debian root that holds only Node, npm and a clone of what is
 * committed, so that nothing that somebody installed by hand hides a missing step. Needs root, git and debootstrap. `--
 * --only demo` or `--only test` runs one.
 *
 * The root is a folder of its own under the temporary folder; mounts and processes live in namespaces that end with it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    suite: { type: 'string', default: 'bookworm' },
    mirror: { type: 'string', default: 'http://deb.debian.org/debian' },
  },
});
const commands = new Map([
  ['demo', 'npm run --silent demo -- --once'],
  ['test', 'CI=true npm test'],
]);
if (values.only !== undefined && !commands.has(values.only)) fail(`--only takes ${[...commands.keys()].join(' or ')}`);
if (process.getuid?.() !== 0) fail('this needs root, for a root folder of its own');
if (!machineProgram('debootstrap')) fail('this needs debootstrap: apt-get install debootstrap');

const machine = mkdtempSync(join(tmpdir(), 'drover-fresh-'));
// It becomes the root folder, which every user may pass.
chmodSync(machine, 0o755);
let isGreen = false;
try {
  process.stderr.write(`Making a bare Debian ${values.suite} …\n`);
  run('debootstrap', '--variant=minbase', '--include=ca-certificates', values.suite, machine, values.mirror);
  copyNode();
  copyNetworkSettings();
  run('git', 'clone', '--quiet', '--no-hardlinks', root, join(machine, 'srv/drover'));
  isGreen = [...commands].filter(([name]) => values.only === undefined || values.only === name).every(tried);
} finally {
  // Never into a mount, should one have been left.
  spawnSync('rm', ['-rf', '--one-file-system', machine], { stdio: 'inherit' });
}
process.exit(isGreen ? 0 : 1);

/** Runs one command as a newcomer would, in namespaces of its own: whatever it leaves running ends with it. */
function tried([name, command]: readonly [string, string]): boolean {
  process.stderr.write(`${name}: ${command}\n`);
  const prepare = [
    `mount --rbind /dev ${machine}/dev`,
    `mount -t proc proc ${machine}/proc`,
    `mount -t sysfs sysfs ${machine}/sys`,
    `mount -t tmpfs tmpfs ${machine}/run`,
    // The clone belongs to another owner where the clone was made by somebody else; a newcomer's own would not.
    `chown -R 0:0 ${machine}/srv/drover`,
  ];
  const inside = `cd /srv/drover && ${command}`;
  const script = `set -e; ${prepare.join('; ')}; exec chroot ${machine} /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb ${forwarded().join(' ')} /bin/sh -c '${inside}'`;
  const words = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script];
  const status = spawnSync('unshare', words, { stdio: ['ignore', 'inherit', 'inherit'] }).status;
  process.stderr.write(`${name}: ${status === 0 ? 'green' : `exit code ${status}`}\n`);
  return status === 0;
}

/** The machine's own Node and npm, not those of this project's packages. */
function copyNode(): void {
  const node = machineProgram('node');
  const npm = machineProgram('npm');
  if (!node || !npm) fail('this needs Node and npm on the PATH');
  const bin = join(machine, 'usr/local/bin');
  const npmPackage = join(dirname(realpathSync(npm)), '..');
  cpSync(realpathSync(node), join(bin, 'node'));
  cpSync(npmPackage, join(machine, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(bin, 'npm'));
  symlinkSync('../lib/node_modules/npm/bin/npx-cli.js', join(bin, 'npx'));
}

/** Names, certificates and package sources as on this machine: a mirror or a proxy is not what is being tried. */
function copyNetworkSettings(): void {
  const paths = [
    '/etc/resolv.conf',
    '/etc/hosts',
    '/etc/ssl/certs',
    '/usr/share/ca-certificates',
    '/usr/local/share/ca-certificates',
    '/etc/apt/apt.conf.d',
    '/etc/apt/sources.list.d/debian.sources',
    '/usr/share/keyrings/debian-archive-keyring.gpg',
  ];
  for (const path of paths.filter(existsSync)) {
    mkdirSync(dirname(join(machine, path)), { recursive: true });
    cpSync(path, join(machine, path), { recursive: true, dereference: true });
  }
  if (existsSync(join(machine, 'etc/apt/sources.list.d/debian.sources')))
    rmSync(join(machine, 'etc/apt/sources.list'), { force: true });
}

/** What tells npm where its registry is and whom to trust, as `NAME=value` words. */
function forwarded(): string[] {
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', cwd: tmpdir() }).trim();
  const names = [
    'NODE_EXTRA_CA_CERTS',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
  ];
  return [
    `npm_config_registry=${registry}`,
    ...names.flatMap((name) => (process.env[name] ? [`${name}=${process.env[name]}`] : [])),
  ];
}

/** Where the machine has a program, this project's own packages left aside. */
function machineProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return [...folders, '/usr/sbin', '/sbin'].map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function run(program: string, ...words: readonly string[]): void {
  const done = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (done.status !== 0)
    throw new Error(`${program} failed (${done.status}): ${done.stderr}${done.stdout.slice(-2000)}`);
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}
