/**
 * A process that is to live as long as its supervisor: started, started again with back-off when it ends by itself, stopped in order.
 * It says by IPC when it is ready, and ends when that channel closes, so it never outlives a supervisor that was killed.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { DroverError, isErrorCode } from '../base/errors.ts';

const RESTART_BASE_MS = 200;
const RESTART_CAP_MS = 5_000;
/** Alive for so long, a process has recovered: its next end is the first again. */
const STEADY_MS = 30_000;
const READY_MS = 60_000;
const STOP_MS = 6_000;
/** A refusal repeats itself; what a busy machine did to a child does not. */
const PATIENT_TRIES = 4;
/** One older log of the same size is kept beside it. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** What only the server needs to know is kept from the others. */
const SERVER_ONLY = ['DATABASE_URL', 'DROVER_MASTER_KEY'] as const;
const OWN_ONLY = ['DROVER_URL', 'DROVER_TOKEN', 'DROVER_JOIN'] as const;

export interface ChildOptions {
  readonly role: 'server' | 'worker' | 'agent';
  readonly name: string;
  readonly program: string;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Picks out the message that says it can take work. */
  readonly isReady: (message: object) => boolean;
  readonly onRestart: (why: string) => void;
  /**
   * With it, the supervisor is patient: when the child is not ready in time this is called, and the child goes on. One that ends before it
   * is ready is started again, `PATIENT_TRIES` times until then and for ever after.
   */
  readonly onLate?: () => void;
  readonly readyMs?: number;
}

export class SupervisedChild {
  readonly role: ChildOptions['role'];
  /** For the next start; may change between two. */
  args: readonly string[];
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #stopping = false;
  #failures = 0;

  constructor(options: ChildOptions, args: readonly string[]) {
    this.#options = options;
    this.role = options.role;
    this.args = args;
  }

  /** Resolves with the message that says it is ready. Rejects with the child's own refusal when it ends before that. */
  start<T extends object>(): Promise<T> {
    this.#stopping = false;
    const { name, logFile, isReady, onLate, readyMs = READY_MS } = this.#options;
    const logStart = sizeOf(logFile);
    return new Promise((resolve, reject) => {
      let [isSettled, tries] = [false, 0];
      const cancel = systemClock.after(readyMs, () => {
        if (isSettled) return;
        if (onLate) {
          tries = Number.NEGATIVE_INFINITY;
          return onLate();
        }
        this.kill();
        reject(
          new DroverError('host-not-linked', {
            detail: `${name} was not ready within ${readyMs / 1_000} s. Its log: ${logFile}`,
          }),
        );
      });
      const onMessage = (message: object): void => {
        if (isSettled || !isReady(message)) return;
        isSettled = true;
        cancel();
        resolve(message as T);
      };
      const onExit = (why: string): void => {
        if (isSettled) return this.#restart(why, onMessage, onExit);
        if (onLate && ++tries < PATIENT_TRIES) return this.#restart(why, onMessage, onExit);
        cancel();
        reject(refusalIn(logOf(logFile, logStart), name, why, logFile));
      };
      this.#launch(onMessage, onExit);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const running = this.#process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    const cancel = systemClock.after(STOP_MS, () => running.kill('SIGKILL'));
    await exited;
    cancel();
  }

  kill(): void {
    this.#stopping = true;
    this.#process?.kill('SIGKILL');
  }

  /** The child appends, so what is cut off at the front is simply gone from under it. */
  trimLog(): void {
    const { logFile } = this.#options;
    if (sizeOf(logFile) <= LOG_BYTES_MAX) return;
    try {
      copyFileSync(logFile, `${logFile}.1`);
    } catch {
      // No space for the older one: the log itself is what fills the disk.
      rmSync(`${logFile}.1`, { force: true });
    }
    truncateSync(logFile);
  }

  #launch(onMessage: (message: object) => void, onExit: (why: string) => void): void {
    const { program, execArgv, logFile } = this.#options;
    let output: number;
    try {
      output = openSync(logFile, 'a', 0o600);
    } catch (error) {
      // A disk that is full, say: tried again as a process that ended would be.
      return onExit(`its log cannot be written: ${(error as Error).message}`);
    }
    const startedAt = systemClock.monotonicMs();
    // A process group of its own: Ctrl-C on the terminal is ours to hand on, in order.
    const child = fork(program, [...this.args], {
      execArgv: [...execArgv],
      env: this.#environment(),
      stdio: ['ignore', output, output, 'ipc'],
      detached: true,
    });
    closeSync(output);
    this.#process = child;
    let ended = false;
    const end = (why: string): void => {
      if (ended) return;
      ended = true;
      if (systemClock.monotonicMs() - startedAt > STEADY_MS) this.#failures = 0;
      if (!this.#stopping) onExit(why);
    };
    child.on('message', (message) => void (typeof message === 'object' && onMessage(message)));
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(signal ?? `exit ${code}`));
  }

  #environment(): NodeJS.ProcessEnv {
    const hidden: readonly string[] = this.role === 'server' ? OWN_ONLY : [...OWN_ONLY, ...SERVER_ONLY];
    return {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !hidden.includes(name))),
      ...this.#options.env,
    };
  }

  #restart(why: string, onMessage: (message: object) => void, onExit: (why: string) => void): void {
    this.#options.onRestart(why);
    const delayMs = Math.min(RESTART_CAP_MS, RESTART_BASE_MS * 2 ** this.#failures++);
    systemClock.after(delayMs, () => this.#stopping || this.#launch(onMessage, onExit));
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function logOf(path: string, from: number): string {
  return sizeOf(path) > from ? readFileSync(path).subarray(from).toString() : '';
}

/** A program's last words are its refusal, as `runMain` prints it: `drover: DETAIL (CODE)`. */
function refusalIn(log: string, name: string, why: string, logFile: string): DroverError {
  const words = log
    .trim()
    .split('\n')
    .map((line) => /^drover: (.*) \(([a-z-]+)\)$/.exec(line))
    .findLast((match) => match !== null);
  if (words && isErrorCode(words[2]!))
    return new DroverError(words[2], { detail: `${name} did not start: ${words[1]}` });
  return new DroverError('internal', { detail: `${name} did not start (${why}). Its log: ${logFile}` });
}
