/**
 * From an order to a supervised process on this host, or to the reason why there is none: account, plan, folder, space,
 * and the launch itself.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { systemWords } from '../../base/system-words.ts';
import { scriptText, type ScriptWork } from '../../domain/work/script.ts';
import type { AttemptSubject, ExecutionOrder, Refusal } from '../../ledger/engine.ts';
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

export interface ProcessLauncherOptions {
  readonly platform: Platform;
  readonly spool: Spool;
  readonly spoolFreeBytesMin?: number;
  readonly coreLimit?: string | undefined;
}

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
  launch(attempt: AttemptId, order: ExecutionOrder, { hostId, hostName }: AttemptSubject): ChildProcess | Refusal {
    const { spool, platform, coreLimit } = this.#options;
    const { user, work } = order;
    const own = ownAccount();
    const account = user === undefined ? own : findAccount(user);
    if (!account) return { refused: 'user-unknown', detail: `This host has no user ${JSON.stringify(user)}.` };
    const scriptPath = spool.file(attempt, 'script');
    const plan = planProcess(order, {
      attemptId: attempt,
      hostName,
      hostId,
      scriptPath,
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
          detail: `${account.name} may not pass ${blocked}; move the agent's data folder (--data) to a place that everybody may pass.`,
        };
      return platform.launch({
        folder: spool.folder(attempt),
        argv: plan.argv,
        env: plan.env,
        cwd: folderLack(plan.cwd) === undefined ? plan.cwd : '/',
        stdio: streams,
        coreLimit,
      });
    } catch (error) {
      return spawnRefusal(error as Error);
    } finally {
      closeAll(streams);
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
          detail: `Only ${this.#freeBytes} bytes are free in ${spool.root}; the agent wants ${least}.`,
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

/** Makes the folder and opens its streams. The script belongs to who runs it and to nobody else. */
function prepareFolder(spool: Spool, attempt: AttemptId, work: ScriptWork, account: Account): Streams {
  const text = scriptText(work);
  const folder = spool.folder(attempt);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (text) {
    const path = spool.file(attempt, 'script');
    writeFileSync(path, text, { mode: 0o500 });
    if (account.uid !== process.getuid?.()) {
      chownSync(path, account.uid, account.gid);
      chmodSync(folder, 0o711);
    }
  }
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
