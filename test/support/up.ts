/** The whole stack as a user starts it: `./drover up --json` on a folder and a port of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { authorityOf, believe } from './authorities.ts';
import { compiledFolder } from './programs.ts';

/** Of this clone: what runs is its sources. */
export const drover = fileURLToPath(new URL('../../drover', import.meta.url));

export interface RunningUp {
  readonly url: string;
  readonly token: string;
  readonly process: ChildProcess;
  readonly dataDir: string;
}

export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drover-up-'));
  chmodSync(folder, 0o711);
  return join(folder, 'data');
}

export function removeDataDir(dataDir: string): void {
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
}

export async function startUp(
  dataDir: string,
  agents: number,
  more: {
    readonly agentsAs?: string;
    readonly listen?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly program?: string;
    /** Further options. */
    readonly args?: readonly string[];
  } = {},
): Promise<RunningUp> {
  const child = spawn(
    more.program ?? drover,
    // As a rule tests work as who runs them.
    [
      'up',
      '--data',
      dataDir,
      '--listen',
      more.listen ?? '127.0.0.1:0',
      '--agents',
      String(agents),
      ...(more.agentsAs === '' ? [] : ['--agents-as', more.agentsAs ?? userInfo().username]),
      ...(more.args ?? []),
      '--json',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnv(), ...more.env } },
  );
  let errors = '';
  child.stderr!.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`up ended with ${code}: ${errors}`)));
  });
  const { url, token, ca } = JSON.parse(line) as { url: string; token: string; ca: string };
  const { url: localUrl } = JSON.parse(readFileSync(join(dataDir, 'access.json'), 'utf8')) as { url: string };
  for (const address of new Set([url, localUrl])) believe(address, readFileSync(ca, 'utf8'), ca);
  return { url, token, process: child, dataDir };
}

export async function stopUp(up: RunningUp, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (up.process.exitCode !== null || up.process.signalCode !== null) return up.process.exitCode;
  const exited = new Promise<number | null>((resolve) => up.process.once('exit', resolve));
  up.process.kill(signal);
  return exited;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runCli(
  args: readonly string[],
  env: Record<string, string> = {},
  program: string = drover,
): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnv(), ...authorityOf(env.DROVER_URL), ...env },
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.once('close', (code) =>
      resolve({ code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** `program`: another command than the clone's. */
export function cliOf(up: RunningUp & { readonly program?: string }): (...args: string[]) => Promise<CliResult> {
  return (...args) => runCli(args, { DROVER_URL: up.url, DROVER_TOKEN: up.token }, up.program);
}

/** Of a run, asked without a command, for whoever asks until it has come; undefined while the server is not there. */
export async function runStateOf(up: Pick<RunningUp, 'url' | 'token'>, id: string): Promise<string | undefined> {
  const response = await fetch(`${up.url}/api/v1/runs/${id}`, {
    headers: { authorization: `Bearer ${up.token}` },
  }).catch(() => undefined);
  return response?.ok ? ((await response.json()) as { state: string }).state : undefined;
}

/**
 * The environment of every `drover` that a test starts: it knows no server, neither one that whoever runs the tests has told it, nor the
 * `drover up` of this machine, and so works on none but the one that the test names.
 */
export function cleanEnv(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:DROVER_(?!LOG$)|XDG_|DATABASE_)/.test(name));
  return {
    ...Object.fromEntries(own),
    // There is no home to keep it in.
    NODE_COMPILE_CACHE: compiledFolder(),
    HOME: '/nonexistent',
    XDG_CONFIG_HOME: '/nonexistent',
    DROVER_DATA: '/nonexistent',
  };
}

/** Pids of the processes of one role that use a data folder. */
export function pidsOf(dataDir: string, role: 'server' | 'worker' | 'agents'): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // By its own data folder: a supervisor on a host names the folder of its attempt, and is none of these.
        const parts = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return parts.some((part, at) => parts[at - 1] === '--data' && part.startsWith(join(dataDir, role)));
      } catch {
        return false;
      }
    });
}
