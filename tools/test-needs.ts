/**
 * What the suite needs of the machine besides Node and npm's packages: real shells, a real sshd, real users. `npm test`
 * installs what is missing where it may (root on Debian), and says what to install where it may not; a test that could
 * not be tried says why.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program → the Debian package that has it. A new need of a test is a line here, and is installed from then on. */
export const TEST_PROGRAMS = {
  'ansible-inventory': 'ansible-core',
  bash: 'bash',
  busybox: 'busybox',
  csh: 'csh',
  curl: 'curl',
  dash: 'dash',
  dropbear: 'dropbear-bin',
  faketime: 'faketime',
  fish: 'fish',
  git: 'git',
  openssl: 'openssl',
  perl: 'perl',
  pg_dump: 'postgresql',
  pg_restore: 'postgresql',
  ps: 'procps',
  python3: 'python3',
  setpriv: 'util-linux',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  sshd: 'openssh-server',
  sudo: 'sudo',
  tcsh: 'tcsh',
  useradd: 'passwd',
  zsh: 'zsh',
} as const satisfies Record<string, string>;

export type TestProgram = keyof typeof TEST_PROGRAMS;
export type TestNeed = TestProgram | 'root';

/** System programs live in folders that are not on everybody's PATH. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

export function programPath(name: TestProgram): string | undefined {
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

function missingPrograms(): TestProgram[] {
  return (Object.keys(TEST_PROGRAMS) as TestProgram[]).filter((name) => programPath(name) === undefined);
}

/** What keeps a test with these needs from being tried, in words, or undefined. */
export function lackOf(needs: readonly TestNeed[]): string | undefined {
  const lacks = needs.filter((need) => (need === 'root' ? process.getuid?.() !== 0 : programPath(need) === undefined));
  return lacks.length === 0 ? undefined : lacks.map((need) => (need === 'root' ? 'not root' : `no ${need}`)).join(', ');
}

/**
 * Installs what is missing where that is possible; otherwise says what somebody else has to do. The suite runs either
 * way.
 */
export function installTestNeeds(): void {
  const missing = missingPrograms();
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => TEST_PROGRAMS[name]))].sort();
  const command = `apt-get install -y ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    process.stderr.write(
      `Some tests cannot be tried: there is no ${missing.join(', ')} here. On Debian, as root: apt-get update && ${command}\n`,
    );
    return;
  }
  process.stderr.write(`Installing what the tests need (once): ${packages.join(' ')} …\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const words of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const done = spawnSync('apt-get', words, { env, encoding: 'utf8' });
    if (done.status === 0) continue;
    process.stderr.write(`apt-get ${words[0]} failed, so some tests cannot be tried:\n${done.stderr}${done.stdout}\n`);
    return;
  }
}
