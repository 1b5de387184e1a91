/** The `drover` command. Commands of the client are defined in `cli`; the roles are separate programs, loaded only when asked for. */
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../base/node-folder.ts';

const WORKER_THREADS = 64;

const ROLES: Readonly<Record<string, () => Promise<unknown>>> = {
  server: () => import('./drover-server.ts'),
  worker() {
    widenThreadPool();
    return import('./drover-worker.ts');
  },
  agent: () => import('./drover-agent.ts'),
  up: () => import('./drover-up.ts'),
  backup: () => import('./drover-backup.ts'),
  restore: () => import('./drover-restore.ts'),
};

/** In a folder of this user's own: in a shared one, as Node takes by itself, somebody else could lay down what we execute. */
function keepCompiled(): void {
  const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = process.env.NODE_COMPILE_CACHE || join(home, 'drover', 'compiled');
  try {
    // By ourselves: Node would try for ever where it cannot be made.
    makeFolder(folder, 0o700);
    module.enableCompileCache(folder);
  } catch {
    // Compiled afresh each time, then.
  }
}

/**
 * A worker looks up names of its hosts, and each that is not answered holds a thread for as long as the system likes. Two such names would
 * have all that Node gives them by itself. Before anything else is loaded: loading begins the threads. One that waits costs some kilobytes.
 */
function widenThreadPool(): void {
  if (!(Number(process.env.UV_THREADPOOL_SIZE) >= WORKER_THREADS))
    process.env.UV_THREADPOOL_SIZE = String(WORKER_THREADS);
}

/** `--agents -1` means what it says, and is refused for that; the roles' own reading of flags would take it for two flags. */
function withNegatives(args: readonly string[]): string[] {
  const read: string[] = [];
  for (const arg of args) {
    const flag = read.at(-1);
    if (flag !== undefined && /^--[a-z-]+$/.test(flag) && /^-\d/.test(arg)) read[read.length - 1] = `${flag}=${arg}`;
    else read.push(arg);
  }
  return read;
}

async function main(): Promise<void> {
  keepCompiled();
  // Node has forgotten that it was to ignore this.
  if (process.env.DROVER_NOHUP === '1') process.on('SIGHUP', () => undefined);
  const [first, ...rest] = process.argv.slice(2);
  const role = first === undefined ? undefined : Object.hasOwn(ROLES, first) ? ROLES[first] : undefined;
  if (role && !rest.includes('--help') && !rest.includes('-h')) {
    process.argv.splice(2, process.argv.length - 2, ...withNegatives(rest));
    await role();
    return;
  }
  const { runCommand } = await import('../cli/program.ts');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => error.code === 'EPIPE' && process.exit(0));
  // A terminal that was closed takes no more words; what is under way goes on.
  process.stderr.on('error', () => undefined);
  process.exitCode = await runCommand(process.argv.slice(2));
}

await main();
