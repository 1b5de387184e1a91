/**
 * Supervisors that are begun before there is anything to supervise. To fork, Node copies the page tables of the whole agent: 10 to 25 ms
 * that a script would wait for. So one or two shells stand ready, each in a session of its own, and read a pipe that nobody but us writes
 * to. What comes by it makes the shell what `launchSupervised` would have begun: the same program with the same arguments, variables,
 * folder and streams, under the number that it has already. From then on nobody can tell it from another (supervisor.ts).
 *
 * Until then it is nobody's: it bears no mark of an attempt, and belongs to none. An order is one compound command, which a shell reads
 * to its end before it carries out the first word: of one that was cut off with its writer nothing is done. With the agent the pipe ends,
 * and so does whoever reads it. So what is ordered when an agent is killed becomes the attempt's supervisor or ends, and a successor
 * waits for either (find-process.ts): whom an attempt was given is in its folder before the order is written.
 *
 * They are for whoever starts something now and then. While one start follows the other, or much runs, none are made: each costs more
 * than a supervisor that is begun when it is needed. Nor while a script is beginning, for the fork stands in the way of its first output.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { freemem } from 'node:os';
import type { Writable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { Platform, ProcessHandle } from './platform.ts';
import { UNBEGUN, type Launch, type Waiting } from './supervised-launch.ts';

/** Nothing was begun for so long: the fork that makes the next is in nobody's way. */
const QUIET_MS = 50;
/** And where they could not be made then, and nobody says that they can now. */
const BUSY_LOOK_MS = 1_000;
/** That many stand ready: a host as a rule runs one script at a time, and now and then two. */
const READY = 2;
/** None are made while the machine has less: what they have is then better left to others. */
const FREE_BYTES_MIN = 128 * 1024 * 1024;
/** A pipe takes so much at once, and nobody waits for its reader. */
const ORDER_BYTES_MAX = 64 * 1024;
/** What one shell or another counts with, keeps for itself, or does not let itself be given as it is. */
const OWN_TO_SHELLS = new RegExp(
  [
    '^(_|IFS|CDPATH|ENV|PWD|OLDPWD|SHLVL|OPTIND|OPTARG|OPTERR|PPID|E?[UG]ID|GROUPS|USERNAME|PS[1-4]|TMOUT|REPLY|LINENO',
    '|S?RANDOM|SECONDS|ERRNO|COLUMNS|LINES|POSIXLY_CORRECT|DIRSTACK|PIPESTATUS|SHELLOPTS|TERM.*|MAIL.*|HIST.*',
    '|BASH.*|KSH.*|ZSH.*|FUNC.*|EPOCH.*|COMP.*)$',
  ].join(''),
);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface WaitingSupervisorsOptions {
  readonly platform: Platform;
  readonly clock: Clock;
  /** Whether what runs would wait for a fork: it is only beginning, or there is much of it. */
  readonly isBusy: () => boolean;
}

export class WaitingSupervisors {
  readonly #options: WaitingSupervisorsOptions;
  readonly #waiting = new Set<WaitingSupervisor>();
  #cancel = (): void => undefined;
  #isStopped = true;

  constructor(options: WaitingSupervisorsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.#makeLater();
  }

  /** Their pipes end, and so do they. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    for (const one of this.#waiting) one.end();
    this.#waiting.clear();
  }

  /** Something is over that they may have waited for. */
  stir(): void {
    if (!this.#isStopped && this.#waiting.size < READY) this.#makeLater();
  }

  /** Those that stand ready. */
  get pids(): readonly number[] {
    return [...this.#waiting].map(({ handle }) => handle.pid);
  }

  /** One for this launch; undefined where none is there, or where a shell could not become exactly what is asked for. */
  take(launch: Launch): WaitingSupervisor | undefined {
    if (this.#isStopped) return undefined;
    this.#makeLater();
    if (!isSpeakable(launch)) return undefined;
    for (const one of this.#waiting) {
      this.#waiting.delete(one);
      // Somebody may have killed or stopped it since.
      const stat = this.#options.platform.processStat(one.handle.pid);
      if (stat?.startTicks === one.handle.startTicks && 'SRD'.includes(stat.state)) return one;
      one.end();
    }
    return undefined;
  }

  #makeLater(delayMs = QUIET_MS): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(delayMs, () => this.#make(), { unref: true });
  }

  /** As many as are missing. What cannot be made now is tried again after the next start. */
  #make(): void {
    const { platform, isBusy } = this.#options;
    if (isBusy()) return this.#makeLater(BUSY_LOOK_MS);
    while (!this.#isStopped && this.#waiting.size < READY) {
      if (freemem() < FREE_BYTES_MIN) return;
      const child = platform.supervisorBegin?.();
      const stat = child?.pid === undefined ? undefined : platform.processStat(child.pid);
      child?.on('error', () => undefined);
      if (!child || !stat) return;
      const one = new WaitingSupervisor(child, stat);
      child.once('exit', () => this.#waiting.delete(one));
      this.#waiting.add(one);
    }
  }
}

export class WaitingSupervisor implements Waiting {
  readonly handle: ProcessHandle;
  readonly #child: ChildProcess;
  readonly #orders: Writable;

  constructor(child: ChildProcess, { pid, startTicks }: ProcessHandle) {
    this.handle = { pid, startTicks };
    this.#child = child;
    this.#orders = child.stdin!;
    // It has gone: whoever follows the attempt sees that.
    this.#orders.on('error', () => undefined);
  }

  become(launch: Launch, argv: readonly string[]): ChildProcess {
    this.#orders.end(orderText(launch, argv));
    return this.#child;
  }

  end(): void {
    this.#orders.destroy();
  }
}

/** A shell that does what it reads, and holds nothing of ours but the pipe. It throws what spawn throws. */
export function supervisorBegin(): ChildProcess {
  const child = spawn('/bin/sh', ['-s', 'drover-waiting'], {
    cwd: '/',
    env: {},
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as Writable & { unref?: () => void }).unref?.();
  return child;
}

/** What is larger than a pipe takes at once, has input of its own, or a variable that no shell gives as it is, is begun anew. */
function isSpeakable({ env, stdio, argv, folder, cwd }: Launch): boolean {
  const names = Object.keys(env);
  const texts = [...names, ...Object.values(env), ...argv, folder, cwd];
  return (
    stdio.stdin === 'ignore' &&
    names.every((name) => NAME.test(name) && !OWN_TO_SHELLS.test(name)) &&
    texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) <= ORDER_BYTES_MAX
  );
}

/**
 * Where its folder or files are gone it goes on without them, as one does that was begun a moment earlier. The folder that a run names
 * was entered to look at it; who cannot any more begins nothing, and says so.
 */
function orderText({ folder, cwd, env }: Launch, argv: readonly string[]): string {
  const [status, stdout, stderr] = ['status', 'stdout', 'stderr'].map((name) => quoted(`${folder}/${name}`));
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`);
  return `{
cd -P -- ${quoted(cwd)} || { echo ${UNBEGUN} >${status}; exit 1; }
unset PWD OLDPWD SHLVL
${variables.length > 0 ? `export ${variables.join(' ')}` : ''}
exec </dev/null
[ ! -f ${stdout} ] || exec >>${stdout}
[ ! -f ${stderr} ] || exec 2>>${stderr}
exec ${argv.map(quoted).join(' ')}
}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
