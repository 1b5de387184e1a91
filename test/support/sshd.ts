/**
 * Real OpenSSH servers on loopback addresses, each with a configuration of its own, and the keys and users to log in with. Nothing
 * is faked; tests that use them are `requiring('sshd')` (needs.ts). `ssh-proxy.ts` puts bad networks before them.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { SshAccess, SshCredential, SshHop } from '../../src/protocol/link/ssh-access.ts';
import { until } from './until.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'].find((path) => existsSync(path));

export const isRoot = process.getuid?.() === 0;

export interface KeyPair {
  readonly path: string;
  readonly text: string;
  readonly publicLine: string;
  readonly publicBlob: Buffer;
}
export interface Sshd {
  readonly address: string;
  readonly port: number;
  log(): string;
  /** Kills the server's processes of the logins there are; what they started lives on, and the server takes new ones. */
  killSessions(): void;
  stop(): Promise<void>;
}

const DROPBEAR = ['/usr/sbin/dropbear', '/usr/local/sbin/dropbear'].find((path) => existsSync(path));

export class SshWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'drover-sshd-'));
  readonly userKey: KeyPair;
  readonly hostKey: KeyPair;
  readonly user = userInfo().username;
  readonly #servers: Sshd[] = [];
  readonly #users: string[] = [];
  readonly #rules: string[] = [];
  #count = 0;

  constructor() {
    // Other users' sshd children read authorized_keys in here.
    execFileSync('chmod', ['755', this.folder]);
    this.userKey = this.makeKey('ed25519');
    this.hostKey = this.makeKey('ed25519');
  }

  makeKey(type: 'ed25519' | 'rsa' | 'ecdsa', options: { passphrase?: string; format?: 'PEM' | 'PKCS8' } = {}): KeyPair {
    const path = join(this.folder, `key-${this.#count++}`);
    const bits = type === 'rsa' ? ['-b', '2048'] : [];
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      type,
      ...bits,
      '-C',
      'test',
      '-N',
      options.passphrase ?? '',
      '-f',
      path,
      ...(options.format ? ['-m', options.format] : []),
    ]);
    const publicLine = readFileSync(`${path}.pub`, 'utf8').trim();
    return {
      path,
      text: readFileSync(path, 'utf8'),
      publicLine,
      publicBlob: Buffer.from(publicLine.split(' ')[1]!, 'base64'),
    };
  }

  /**
   * A server that lets the user key in; `lines` come first, and sshd takes the first of each; `:PORT` in them is its port. `within` are
   * words that execute the words behind them.
   */
  async start(
    options: {
      address?: string;
      lines?: readonly string[];
      keys?: readonly KeyPair[];
      hostKey?: KeyPair;
      within?: readonly string[];
    } = {},
  ): Promise<Sshd> {
    if (isRoot) mkdirSync('/run/sshd', { recursive: true });
    const address = options.address ?? '127.0.0.1';
    const port = await freePort(address);
    const name = `sshd-${this.#count++}`;
    const authorized = join(this.folder, `${name}.keys`);
    writeFileSync(authorized, [this.userKey, ...(options.keys ?? [])].map((key) => key.publicLine).join('\n') + '\n', {
      mode: 0o644,
    });
    const config = [
      ...(options.lines ?? []).map((line) => line.replace(':PORT', `:${port}`)),
      `ListenAddress ${address}:${port}`,
      `HostKey ${(options.hostKey ?? this.hostKey).path}`,
      `AuthorizedKeysFile ${authorized}`,
      'PidFile none',
      // A home of its own: what the user of this machine has in his shell's start-up files is not what is tested, nor measured.
      `SetEnv HOME=${this.folder}`,
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UseDNS no',
      'LogLevel VERBOSE',
      'MaxStartups 1000',
      'MaxSessions 1000',
      'LoginGraceTime 60',
      'X11Forwarding no',
      'PrintMotd no',
    ];
    const path = join(this.folder, name);
    writeFileSync(path, config.join('\n') + '\n');
    const [program, ...args] = [...(options.within ?? []), SSHD!, '-D', '-e', '-f', path];
    const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (bytes: Buffer) => (log += bytes.toString('latin1')));
    const server: Sshd = {
      address,
      port,
      log: () => log,
      killSessions: () => killSessionsOf(child.pid!),
      stop: () => stopChild(child),
    };
    this.#servers.push(server);
    await until('sshd listens', () => {
      if (child.exitCode !== null) throw new Error(`sshd did not start: ${log}`);
      return log.includes(`listening on ${address} port ${port}`);
    });
    return server;
  }

  /** A Dropbear; it lets the user key in as users whose home has it (`homeWithKey`). */
  async startDropbear(): Promise<{ address: string; port: number }> {
    const hostKey = join(this.folder, `dropbear-${this.#count++}`);
    execFileSync('dropbearkey', ['-t', 'ed25519', '-f', hostKey], { stdio: 'ignore' });
    const port = await freePort('127.0.0.1');
    const child = spawn(
      DROPBEAR!,
      ['-F', '-E', '-m', '-s', '-r', hostKey, '-p', `127.0.0.1:${port}`, '-P', `${hostKey}.pid`],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let log = '';
    child.stderr.on('data', (bytes: Buffer) => (log += bytes.toString('latin1')));
    this.#servers.push({
      address: '127.0.0.1',
      port,
      log: () => log,
      killSessions: () => killSessionsOf(child.pid!),
      stop: () => stopChild(child),
    });
    await until('Dropbear listens', () => {
      if (child.exitCode !== null) throw new Error(`Dropbear did not start: ${log}`);
      return log.includes('Not backgrounding') && portIsTaken(port);
    });
    return { address: '127.0.0.1', port };
  }

  /** A home in which sshd and Dropbear find the user key; its owner is root until somebody takes it. */
  homeWithKey(): string {
    const home = join(this.folder, `home-${this.#count++}`);
    mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o755 });
    writeFileSync(join(home, '.ssh', 'authorized_keys'), `${this.userKey.publicLine}\n`, { mode: 0o644 });
    return home;
  }

  /** A user of this machine for as long as the world stands; root is needed for it. */
  makeUser(options: { password?: string; shell?: string; home?: string; isRoot?: boolean } = {}): string {
    const name = `drvt${process.pid}x${this.#count++}`.slice(0, 30);
    const more = options.isRoot ? ['-o', '-u', '0'] : [];
    execFileSync('useradd', ['-M', '-d', options.home ?? '/tmp', '-s', options.shell ?? '/bin/sh', ...more, name], {
      stdio: 'ignore',
    });
    this.#users.push(name);
    execFileSync('chpasswd', [], { input: `${name}:${options.password ?? 'no-password-is-used'}\n` });
    return name;
  }

  /** Lines of sudoers for as long as the world stands; sudo itself says whether they are right. */
  allow(...lines: readonly string[]): void {
    const path = join(this.folder, `rules-${this.#count++}`);
    writeFileSync(path, lines.join('\n') + '\n', { mode: 0o440 });
    execFileSync('visudo', ['-q', '-c', '-f', path], { stdio: 'ignore' });
    const rule = `/etc/sudoers.d/drover-test-${process.pid}-${this.#count++}`;
    this.#rules.push(rule);
    execFileSync('install', ['-m', '440', path, rule]);
  }

  hop(server: { address: string; port: number }, more: Partial<SshHop> = {}): SshHop {
    return {
      hostId: `${server.address}:${server.port}`,
      address: server.address,
      port: server.port,
      user: this.user,
      credentials: [this.credential()],
      hostKeyPolicy: 'first-use',
      knownHostKeys: [],
      ...more,
    };
  }

  credential(key: KeyPair = this.userKey, more: { passphrase?: string; certificate?: string } = {}): SshCredential {
    return { kind: 'key', name: 'test', privateKey: key.text, ...more };
  }

  async end(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    for (const rule of this.#rules) rmSync(rule, { force: true });
    for (const user of this.#users) spawnSync('userdel', ['-f', user], { stdio: 'ignore' });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function accessOf(...hops: SshHop[]): SshAccess {
  return { hostId: hops.at(-1)?.hostId ?? 'none', accountId: 'account', hops, become: { kind: 'direct' } };
}

function killSessionsOf(pid: number): void {
  for (const child of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const [, name, parent] = /\((.*)\) . (\d+) /.exec(readFileSync(`/proc/${child}/stat`, 'latin1'))!;
      if (Number(parent) !== pid || !name!.startsWith('sshd')) continue;
      killSessionsOf(child);
      process.kill(child, 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** Somebody listens on it: the table of the kernel says so, and no connection has to be made. */
function portIsTaken(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`:${hex} 0+:0000 0A`).test(readFileSync('/proc/net/tcp', 'latin1'));
}

export function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
