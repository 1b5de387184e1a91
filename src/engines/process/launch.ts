/**
 * From an order to a supervised process on this host, or to the reason why there is none: account, plan, folder, space,
 * and the launch itself.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { given } from '../../base/given.ts';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { systemWords } from '../../base/system-words.ts';
import { scriptText, type ScriptWork } from '../../domain/work/script.ts';
import type { AttemptSubject, ScriptOrder, Refusal } from '../../ledger/engine.ts';
import type { Spool } from '../../ledger/spool.ts';
import {
  findAccount,
  findProgram,
  folderLack,
  folderLackOf,
  lackOf,
  ownAccount,
  unreachableParent,
} from './account.ts';
import { isRefusal, planProcess, type Account } from './plan.ts';
import type { Platform } from './platform.ts';
import type { Launch } from './supervised-launch.ts';
import type { WaitingSupervisor, WaitingSupervisors } from './waiting-supervisors.ts';

export interface ProcessLauncherOptions {
  readonly platform: Platform;
  readonly spool: Spool;
  readonly waiting: WaitingSupervisors;
  /** All work runs as this user; as the order says, unless given. */
  readonly user?: string;
  readonly spoolFreeBytesMin?: number;
  readonly coreLimit?: string | undefined;
}

const NO_BYTES = new Uint8Array(0);

/** Open files of a process that is about to be. */
interface Streams {
  readonly stdin: number | 'ignore';
  readonly stdout: number;
  readonly stderr: number;
}

export class ProcessLauncher {
  readonly #options: ProcessLauncherOptions;
  /** As last looked at; one statfs per second while something runs, not per execution. */
  #freeBytes = Number.MAX_SAFE_INTEGER;

  constructor(options: ProcessLauncherOptions) {
    this.#options = options;
  }

  lookAtSpace(): void {
    void this.#options.spool.freeBytes().then(
      (free) => {
        this.#freeBytes = free;
      },
      () => undefined,
    );
  }

  /** The supervisor. Without a pid it could not be made, and its `error` says why. */
  launch(
    attempt: AttemptId,
    order: ScriptOrder,
    { hostId, hostName }: AttemptSubject,
    group?: string,
  ): ChildProcess | Refusal {
    const { spool, platform, coreLimit, user: only } = this.#options;
    const { user = only, work } = order;
    if (only !== undefined && user !== only)
      return { refused: 'user-not-permitted', detail: `Here all work runs as ${only}, and none as ${user}.` };
    const own = ownAccount();
    const account = user === undefined ? own : findAccount(user);
    if (!account) return { refused: 'user-unknown', detail: `This host has no user ${JSON.stringify(user)}.` };
    const scriptPath = spool.file(attempt, 'script');
    const plan = planProcess(order, {
      attemptId: attempt,
      ...given({ hostName, hostId }),
      scriptPath,
      valuesPath: spool.file(attempt, 'values'),
      account,
      agentUid: process.getuid?.() ?? 0,
      agentUser: own.name,
      agentEnvironment: process.env,
      findProgram,
      lackOf,
      family: platform.family,
    });
    if (isRefusal(plan)) return plan;
    if (work.cwd !== undefined) {
      const lack = plan.enter ? folderLackOf(plan.cwd, account, plan.enter) : folderLack(plan.cwd);
      if (lack !== undefined)
        return { refused: 'directory-missing', detail: `The folder ${plan.cwd} ${lack} on this host.` };
    }
    const streams = this.#prepare(attempt, work, account);
    if (isRefusal(streams)) return streams;
    try {
      const blocked =
        scriptText(work) && account.uid !== process.getuid?.() ? unreachableParent(scriptPath, account) : undefined;
      if (blocked)
        return {
          refused: 'script-unreachable',
          detail: `${account.name} may not pass ${blocked}; move the data folder (--data) to a place that everybody may pass.`,
        };
      const launch = {
        folder: spool.folder(attempt),
        argv: plan.argv,
        env: plan.env,
        cwd: plan.enter === undefined && folderLack(plan.cwd) === undefined ? plan.cwd : '/',
        stdio: streams,
        coreLimit,
        group,
      };
      return platform.launch({ ...launch, ...given({ waiting: this.#waitingFor(attempt, launch) }) });
    } catch (error) {
      return spawnRefusal(error as Error);
    } finally {
      closeAll(streams);
    }
  }

  /** Named in the attempt's folder before it hears anything: a successor waits for what becomes of it. */
  #waitingFor(attempt: AttemptId, launch: Launch): WaitingSupervisor | undefined {
    const waiting = this.#options.waiting.take(launch);
    if (!waiting) return undefined;
    const { pid, startTicks } = waiting.handle;
    try {
      writeFileSync(this.#options.spool.file(attempt, 'supervisor'), `${pid} ${startTicks}\n`, { mode: 0o600 });
      return waiting;
    } catch {
      // The disk is full: one that is begun anew needs no such file.
      waiting.end();
      return undefined;
    }
  }

  #prepare(attempt: AttemptId, work: ScriptWork, account: Account): Streams | Refusal {
    const { spool, spoolFreeBytesMin: least = limits.spoolFreeBytesMin } = this.#options;
    try {
      const streams = prepareFolder(spool, attempt, work, account);
      // Looked at only while something runs: what it was then may be long past.
      if (this.#freeBytes < least) this.#freeBytes = spool.freeBytesNow();
      if (this.#freeBytes < least) {
        closeAll(streams);
        return {
          refused: 'spool-full',
          detail: `Only ${this.#freeBytes} bytes are free in ${spool.root}; ${least} are wanted.`,
        };
      }
      return streams;
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'ENOSPC';
      return {
        refused: full ? 'spool-full' : 'spool-unwritable',
        detail: `The spool of ${attempt} cannot be written: ${(error as Error).message}`,
      };
    }
  }
}

/** What the system said when it was to make the process; the working folder was entered before. */
export function spawnRefusal(error: Error): Refusal {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === 'EAGAIN'
      ? 'as many processes run as this user or this machine may have'
      : code === 'ENOMEM'
        ? 'no memory is left'
        : systemWords(error);
  return { refused: 'spawn-failed', detail: `The process could not be made: ${why}.` };
}

/** Makes the folder and opens its streams. The script and the file of its output values belong to who runs it and to nobody else. */
function prepareFolder(spool: Spool, attempt: AttemptId, work: ScriptWork, account: Account): Streams {
  const text = scriptText(work);
  const folder = spool.folder(attempt);
  const isOthers = account.uid !== process.getuid?.();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isOthers) chmodSync(folder, 0o711);
  const scriptsOwn = (path: string, bytes: Uint8Array, mode: number): void => {
    writeFileSync(path, bytes, { mode });
    if (isOthers) chownSync(path, account.uid, account.gid);
  };
  if (text) scriptsOwn(spool.file(attempt, 'script'), text, 0o500);
  scriptsOwn(spool.file(attempt, 'values'), NO_BYTES, 0o600);
  if (work.stdin) writeFileSync(spool.file(attempt, 'stdin'), work.stdin, { mode: 0o600 });
  return {
    stdin: work.stdin ? openSync(spool.file(attempt, 'stdin'), 'r') : 'ignore',
    // Append mode: a script that truncates or seeks its own output cannot make us misread it.
    stdout: openSync(spool.file(attempt, 'stdout'), 'a', 0o600),
    stderr: openSync(spool.file(attempt, 'stderr'), 'a', 0o600),
  };
}

function closeAll({ stdin, stdout, stderr }: Streams): void {
  if (stdin !== 'ignore') closeSync(stdin);
  closeSync(stdout);
  closeSync(stderr);
}
