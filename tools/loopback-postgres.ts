/**
 * A PostgreSQL on a port of this machine, for examples and tests that reach one as a job does: from the binaries that
 * npm brings, in a folder of its own, as a user of its own where this is root.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { pause, systemClock } from '../src/base/clock.ts';
import { initialise } from '../src/embedded/database-folder.ts';
import { databaseOwner, type Owner } from '../src/embedded/database-owner.ts';
import { installBinaries } from '../src/embedded/postgres-binaries.ts';

export interface LoopbackPostgres {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** With the password, of the database `postgres` unless another is said. */
  url(database?: string): string;
  query(text: string, values?: readonly unknown[], database?: string): Promise<Record<string, unknown>[]>;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const TRIES = 3;
const ANSWERS_EVERY_MS = 50;
const START_MS = 60_000;

/**
 * `dir`: is made; whoever may pass to it is up to its parents. `tls`: it offers TLS with these, in PEM. `bin`: where its programs are,
 * unless they are those that npm brings.
 */
export async function loopbackPostgres(
  dir: string,
  {
    tls,
    bin: givenBin,
  }: { readonly tls?: { readonly key: string; readonly certificate: string }; readonly bin?: string | undefined } = {},
): Promise<LoopbackPostgres> {
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  const data = join(dir, 'data');
  const { owner } = databaseOwner(data);
  const bin = givenBin ?? join(await installBinaries(dir), 'bin');
  const passwordFile = join(dir, 'password');
  await initialise({ dir, data, bin, passwordFile, owner, isDurable: false });
  if (owner.uid !== undefined) chownSync(dir, owner.uid, owner.gid!);
  const password = readFileSync(passwordFile, 'utf8').trim();
  const settings = tls ? tlsSettings(dir, tls, owner) : {};
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const all = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      fsync: 'off',
      shared_buffers: '32MB',
      max_connections: '50',
      ...settings,
    };
    const args = ['-D', data, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    let said = '';
    const child = spawn(join(bin, 'postgres'), args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'], cwd: dir });
    child.stderr!.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-2_000)));
    const made = new Loopback(child, port, password);
    if (await made.answers()) return made;
    // Somebody else may have taken the port meanwhile.
    if (tries === TRIES) throw new Error(`PostgreSQL did not start: ${said}`);
  }
}

function tlsSettings(
  dir: string,
  { key, certificate }: { readonly key: string; readonly certificate: string },
  owner: Owner,
): Record<string, string> {
  const [keyFile, certificateFile] = [join(dir, 'tls.key'), join(dir, 'tls.crt')];
  writeFileSync(keyFile, key, { mode: 0o600 });
  writeFileSync(certificateFile, certificate);
  if (owner.uid !== undefined) chownSync(keyFile, owner.uid, owner.gid!);
  return { ssl: 'on', ssl_key_file: keyFile, ssl_cert_file: certificateFile };
}

class Loopback implements LoopbackPostgres {
  readonly host = '127.0.0.1';
  readonly user = 'drover';
  readonly port: number;
  readonly password: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess, port: number, password: string) {
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.port = port;
    this.password = password;
  }

  url(database = 'postgres'): string {
    return `postgres://${this.user}:${this.password}@${this.host}:${this.port}/${database}`;
  }

  async query(text: string, values: readonly unknown[] = [], database?: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database), ssl: false });
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  /** False where it has ended before it did. */
  async answers(): Promise<boolean> {
    for (const until = systemClock.monotonicMs() + START_MS; systemClock.monotonicMs() < until; ) {
      if (this.#child.exitCode !== null) return false;
      try {
        await this.query('SELECT 1');
        return true;
      } catch {
        await pause(systemClock, ANSWERS_EVERY_MS);
      }
    }
    await this.stop();
    return false;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    // Fast: whoever is connected is cut.
    this.#child.kill('SIGINT');
    await this.#ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
