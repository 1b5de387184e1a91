/** What an ended attempt has left on its host: its files, until all of their output is here or the server has what it wants of it. */
import { pause, type Clock } from '../../../base/clock.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import type { Remains } from '../../../ledger/engine.ts';
import type { OutputRange } from '../../../ledger/outputs.ts';
import type { SshPool } from '../connection/ssh-pool.ts';
import { neededUser } from '../remote/remote-become.ts';
import type { RemoteFollower, RemoteRun } from '../remote/remote-run.ts';
import { type RemoteSessions } from '../remote/remote-sessions.ts';
import { attachRemote } from '../remote/remote-supervisor.ts';
import type { SshNote } from './ssh-attempt.ts';

export interface RemoteRemainsOptions {
  readonly attempt: string;
  readonly note: SshNote;
  /** There may be files of it. */
  readonly isOnHost: boolean;
  readonly pool: SshPool;
  readonly sessions: RemoteSessions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** Takes care of work that goes on by itself. */
  track(work: Promise<void>): void;
}

export class RemoteRemains implements Remains {
  /** A hold on it, where this process has one. */
  run: RemoteRun | undefined;
  readonly #options: RemoteRemainsOptions;
  #isOnHost: boolean;

  constructor(options: RemoteRemainsOptions) {
    this.#options = options;
    this.#isOnHost = options.isOnHost;
  }

  /** All of it is here: the host need not keep it until the server has it too. */
  recorded(isWhole: boolean): void {
    if (isWhole) this.forgotten();
  }

  forgotten(): void {
    if (this.#isOnHost) this.#options.track(this.#clear());
  }

  /** What was left out between head and tail is on the host; where it may hold secrets it is not fetched. */
  async readWhole(stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined> {
    if (this.#options.note.hasSecrets) return undefined;
    return (await this.#find())?.readWhole(stream, offset, length);
  }

  /** Nothing is left on the host. One that cannot be reached removes it by itself after a week. */
  async #clear(): Promise<void> {
    const { attempt, clock, random, log, stopping } = this.#options;
    this.#isOnHost = false;
    for (let tries = 0; tries < limits.sshForgetTriesMax && !stopping.aborted; tries++) {
      try {
        return await (await this.#find())?.forget();
      } catch (error) {
        this.run = undefined;
        log.debug({ attempt, err: error }, 'what an attempt left on its host could not be removed yet');
        await pause(clock, (1 + random.next()) * 500 * 2 ** tries, stopping);
      }
    }
  }

  /** A hold on it, found again on the host where this process has none; undefined where the host knows nothing of it. */
  async #find(): Promise<RemoteRun | undefined> {
    if (this.run) return this.run;
    const { attempt, note, pool, clock, sessions } = this.#options;
    const { shell, host } = await pool.shell(note.target);
    const nobody: RemoteFollower = { started() {}, output() {}, values() {}, ended() {} };
    const from = { stdout: Number.MAX_SAFE_INTEGER, stderr: Number.MAX_SAFE_INTEGER };
    const target = { attempt, ...neededUser(host.become, note.user, host.hop.user) };
    const run = await attachRemote(shell, target, from, nobody, { clock, sessions });
    if (run === 'absent') return undefined;
    this.run = run;
    return run;
  }
}
