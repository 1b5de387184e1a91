/**
 * One attempt on a host: reach the host, start it or find it again, follow it, and go on after every loss of the connection until
 * its end is known. Decides what is told where that cannot be known; records nothing itself.
 *
 * A start that was lost on the way is repeated, and nothing is said to have not run, once the order is valid no more by the clock
 * of a host that does not know it. But a host that has restarted since has lost its guards, so there nothing is repeated or said.
 */
import { given } from '../../../base/given.ts';
import { fullJitterMs } from '../../../base/backoff.ts';
import { pause, type Clock } from '../../../base/clock.ts';
import { DroverError, errorCodeOf } from '../../../base/errors.ts';
import type { AttemptId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import type { AttemptEnd, ScriptOrder } from '../../../ledger/engine.ts';
import type { IncomingOutput } from '../../../ledger/incoming-output.ts';
import { neededUser } from '../remote/remote-become.ts';
import type { RemoteEnd, RemoteFollower, RemoteRun } from '../remote/remote-run.ts';
import { type RemoteSessions } from '../remote/remote-sessions.ts';
import { attachRemote, startRemote } from '../remote/remote-supervisor.ts';
import { Patience } from './patience.ts';
import { runBriefly, shellFault } from '../remote/shell-probe.ts';
import type { ReachedHost, SshPool, SshTarget } from '../connection/ssh-pool.ts';

/** What survives a restart of the worker: enough to find the attempt and to report it, and no secret. */
export interface SshNote {
  readonly target: SshTarget;
  readonly user?: string;
  readonly keptBytes: number;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
  /** Output must not be read before the secrets to mask are known again. */
  readonly hasSecrets: boolean;
}

/** What is to be begun, and what the host is called in the run: whoever has named it otherwise since, the script is told this. */
export interface OrderOfHost {
  readonly spec: ScriptOrder;
  readonly hostName: string;
}

export interface SshAttemptOptions {
  readonly attempt: AttemptId;
  readonly note: SshNote;
  readonly acceptedAtMs: number;
  /** Absent after a restart of the worker: then it is only looked for. */
  readonly order: OrderOfHost | undefined;
  readonly pool: SshPool;
  readonly sessions: RemoteSessions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly orderValidMs: number;
  /** Made anew from the secrets after a restart. */
  output(): Promise<IncomingOutput>;
  isWatched(): boolean;
  onStarted(pid: number, atMs: number): void;
  onEnded(end: RemoteEnd, run: RemoteRun | undefined): void;
}

const UNWATCHED_LIVE_AFTER_MS = 1_000;

type Following = { readonly run: RemoteRun; readonly lost: Promise<string | undefined> };

export class SshAttempt {
  readonly #options: SshAttemptOptions;
  /** By the monotonic clock: a wall clock that jumps makes nothing overdue, and no host restarted. */
  readonly #acceptedAt: number;
  #order: OrderOfHost | undefined;
  #run: RemoteRun | undefined;
  /** The order may have reached the host. */
  #isOut: boolean;
  #hasStarted = false;
  #isCancelled = false;
  #hasEnded = false;
  readonly #patience: Patience;
  /** Where the first try of the order went. */
  #folder: string | undefined;
  /**
   * By the host's clock: what was sent there and is not known there by then never begins. Unknown after a restart,
   * until the host has told its time.
   */
  #validUntil: number | undefined;
  /** By ours. */
  #leftAtMs: number;
  /** The order may be on its way for so long. */
  #waitMs: number | undefined;
  /** Why the host could not be asked what became of the order. */
  #lastFault: string | undefined;
  #onOver: () => void = () => undefined;
  readonly #over = new Promise<undefined>((resolve) => {
    this.#onOver = () => resolve(undefined);
  });

  constructor(options: SshAttemptOptions, hasStarted: boolean) {
    const { clock, order, acceptedAtMs } = options;
    this.#options = options;
    // Of an attempt of an earlier life of the worker only the wall clock tells how old it is.
    this.#acceptedAt = clock.monotonicMs() - (order ? 0 : Math.max(0, clock.nowMs() - acceptedAtMs));
    this.#order = order;
    this.#isOut = order === undefined;
    this.#leftAtMs = options.clock.monotonicMs();
    this.#hasStarted = hasStarted;
    const { timeoutMs, killAfterMs } = options.note;
    this.#patience = new Patience({
      clock,
      timeoutMs,
      killAfterMs,
      onGivenUp: () => this.#giveUp(),
      onLook: () => this.#run?.leave(),
      onEndless: () => this.#giveUpEndless(),
    });
  }

  get #ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#acceptedAt;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Until its end is known, or the worker stops. */
  async carry(): Promise<void> {
    const { attempt, log, stopping } = this.#options;
    if (this.#isOut) this.#giveUpLater();
    for (let tries = 0; !this.#hasEnded && !stopping.aborted; tries++) {
      this.#waitMs = undefined;
      try {
        // Whoever cancels, or stops the worker, does not wait for a host that does not answer.
        const following = await Promise.race([this.#reach(), this.#over]);
        if (!following) return;
        const reason = await Promise.race([following.lost, this.#over]);
        if (this.#hasEnded || stopping.aborted) return;
        if (this.#isOut) tries = 0;
        else if (tries >= limits.sshCutLoginTriesMax)
          return this.#refuse(
            new DroverError('ssh-lost', {
              detail: `The connection is lost each time before the order is given: ${reason}. Nothing ran.`,
            }),
          );
        log.info({ attempt, reason }, 'the connection to a running script was lost; it is looked for again');
      } catch (error) {
        if (this.#hasEnded || stopping.aborted) return;
        log.debug({ attempt, err: error }, 'the host of a running script cannot be reached yet');
        this.#lastFault = detailOf(error);
        if (this.#isOverdue())
          return this.#end({
            outcome: { kind: 'unknown', reason: 'ssh-lost' },
            detail: `The connection was lost, and the host was not reached again: ${detailOf(error)}`,
          });
      }
      await pause(
        this.#options.clock,
        Math.min(
          fullJitterMs(tries, limits.sshReattachBaseMs, limits.sshReattachCapMs, this.#options.random),
          this.#waitMs ?? Number.POSITIVE_INFINITY,
        ),
        stopping,
      );
    }
  }

  cancel(): void {
    // Asked again and again, as long as no end is told.
    if (this.#isCancelled) return this.#run?.stop('cancelled');
    this.#isCancelled = true;
    if (!this.#isOut) this.#end({ outcome: { kind: 'cancelled' }, detail: 'Cancelled before it began.' });
    else {
      this.#giveUpLater();
      this.#run?.stop('cancelled');
      if (this.#run || this.#hasStarted) this.#patience.expectEnd(this.#ageMs, true);
    }
  }

  #giveUpLater(): void {
    if (!this.#hasStarted && !this.#hasEnded) this.#patience.giveUpLater(this.#isCancelled);
  }

  /**
   * An order that nobody has confirmed is ended by its deadline and by a cancel, whether or not the host can be asked: as unknown,
   * because it may have begun, and be ended there.
   */
  #giveUp(): void {
    const run = this.#run;
    const until = this.#isCancelled ? 'long after the cancel' : 'its time was long up';
    const lastTry = this.#lastFault === undefined ? '' : ` The last try to ask: ${this.#lastFault}`;
    this.#end({
      outcome: { kind: 'unknown', reason: 'ssh-lost' },
      detail: `The order was sent and the host never said what became of it, until ${until}: it may have run.${lastTry}`,
    });
    run?.leave();
  }

  /** Its host confirms it again and again, and must have ended it long ago. */
  #giveUpEndless(): void {
    const run = this.#run;
    const since = this.#isCancelled ? 'the cancel' : 'its deadline';
    this.#end({
      outcome: { kind: 'unknown', reason: 'ssh-lost' },
      detail: `The host answers, and told no end of it until long after ${since}: it may still run there.`,
    });
    run?.leave();
  }

  /** The worker stops: it goes on on its host, and our successor finds it. */
  abandon(): void {
    this.#patience.stop();
    this.#onOver();
  }

  /** Undefined when it has come to its end on the way. Rejects when it is to be tried again. */
  async #reach(): Promise<Following | undefined> {
    const { pool, note } = this.#options;
    let reached: Awaited<ReturnType<SshPool['shell']>>;
    try {
      reached = await pool.shell(note.target);
    } catch (error) {
      if (this.#isOut || this.#options.stopping.aborted) throw error;
      this.#refuse(error);
      return undefined;
    }
    if (this.#hasEnded || this.#options.stopping.aborted) return undefined;
    return this.#isOut ? this.#find(reached) : this.#begin(reached);
  }

  async #begin(reached: Awaited<ReturnType<SshPool['shell']>>): Promise<Following | undefined> {
    const { attempt, note, clock } = this.#options;
    const { host, shell } = reached;
    const follower = await this.#follower(reached);
    if (this.#hasEnded) return undefined;
    const onLeaving = (folder: string, validUntil: number): boolean => {
      if (this.#hasEnded || this.#options.stopping.aborted) return false;
      this.#isOut = true;
      this.#folder = folder;
      this.#validUntil = validUntil;
      this.#leftAtMs = clock.monotonicMs();
      this.#giveUpLater();
      return true;
    };
    try {
      const { hostName, spec: whole } = this.#order!;
      const { user: wanted, ...spec } = whole;
      const { become, user } = neededUser(host.become, wanted, host.hop.user);
      const order = {
        attempt,
        // An account that becomes somebody is not asked to become somebody else too: the order says so.
        spec: {
          ...spec,
          ...(become.kind === 'direct'
            ? user === undefined
              ? {}
              : { user }
            : wanted === undefined
              ? {}
              : { user: wanted }),
        },
        hostName,
        hostId: note.target.hostId,
        become,
      };
      return await this.#follow(
        await startRemote(shell, order, follower, {
          clock,
          sessions: this.#options.sessions,
          onLeaving,
          orderValidMs: this.#options.orderValidMs,
          ...this.#pace(),
          ...given({ folder: this.#folder }),
        }),
        follower,
      );
    } catch (error) {
      // No channel: nothing of it left this side.
      if (this.#options.stopping.aborted) throw error;
      this.#refuse(await this.#explain(error, reached));
      return undefined;
    }
  }

  async #find(reached: Awaited<ReturnType<SshPool['shell']>>): Promise<Following | undefined> {
    const { attempt, clock, note, sessions } = this.#options;
    const { host, shell } = reached;
    const output = await this.#options.output();
    const follower = await this.#follower(reached);
    const target = { attempt, ...neededUser(host.become, note.user, host.hop.user) };
    let hostTime = 0;
    const onAbsent = (time: number): void => void (hostTime = time);
    const run = await attachRemote(shell, target, output.received, follower, { clock, sessions, onAbsent }).catch(
      async (error: unknown) => {
        // A shell that runs nothing has not run the order either; one that says nothing may run it when it wakes up.
        const fault =
          this.#hasStarted || errorCodeOf(error) === 'ssh-timeout'
            ? undefined
            : await shellFault(shell, host.hop, clock).catch(() => undefined);
        if (!fault || fault.context.isSilent || this.#mayComeIn()) throw error;
        this.#refuse(fault);
      },
    );
    if (!run) return undefined;
    if (run !== 'absent') return this.#follow(run, follower);
    await this.#missing(reached, hostTime);
    return undefined;
  }

  async #follow(run: RemoteRun, follower: CurrentFollower): Promise<Following> {
    follower.run = run;
    // It may have ended before the caller had it in his hands.
    if (follower.end) await follower.conclude(follower.end, run);
    else {
      this.#run = run;
      if (this.#isCancelled) run.stop('cancelled');
      this.#patience.answered(this.#ageMs, this.#isCancelled);
    }
    return {
      run,
      lost: run.lost.then((reason) => {
        this.#run = undefined;
        follower.isCurrent = false;
        return reason;
      }),
    };
  }

  async #follower({ shell, host }: Awaited<ReturnType<SshPool['shell']>>): Promise<CurrentFollower> {
    const output = await this.#options.output();
    const follower: CurrentFollower = {
      isCurrent: true,
      end: undefined,
      run: undefined,
      started: (pid, atMs) => {
        if (this.#hasStarted) return;
        this.#hasStarted = true;
        this.#patience.keepOn();
        // What was needed to start it again is needed no more.
        this.#order = undefined;
        this.#options.onStarted(pid, atMs);
      },
      output: (stream, offset, bytes) => {
        if (!follower.isCurrent) return;
        this.#patience.heard();
        return output.take(stream, offset, bytes);
      },
      values: (file) => {
        if (follower.isCurrent) output.takeValues(file);
      },
      ended: (end) => {
        if (!follower.isCurrent) return;
        follower.end = end;
        if (follower.run) void follower.conclude(end, follower.run);
      },
      conclude: async (end, run) => {
        // Nothing ran: a question to the shell brings out why.
        const isUnclear = end.outcome.kind === 'refused' && end.outcome.reason === 'spawn-failed';
        const fault = isUnclear
          ? await shellFault(shell, host.hop, this.#options.clock).catch(() => undefined)
          : undefined;
        this.#end(
          fault ? { ...end, outcome: { kind: 'refused', reason: fault.code }, detail: fault.detail } : end,
          run,
        );
      },
    };
    return follower;
  }

  /**
   * A watch and live output cost a host some processes, which under load is what makes short scripts long. Where nobody looks on,
   * and the deadline is far, they can wait; the host sees to a lost connection in any case.
   */
  #pace(): { liveAfterMs?: number } {
    return this.#options.isWatched()
      ? {}
      : { liveAfterMs: Math.max(40, Math.min(UNWATCHED_LIVE_AFTER_MS, this.#options.note.timeoutMs / 8)) };
  }

  /** The host knows nothing of it. Either it never began there, or the host has forgotten. */
  async #missing({ shell }: Awaited<ReturnType<SshPool['shell']>>, hostTime: number): Promise<void> {
    const { clock, orderValidMs } = this.#options;
    if (this.#hasStarted) {
      return this.#end({
        outcome: { kind: 'unknown', reason: 'host-rebooted' },
        detail:
          'It had begun, and the host knows nothing of it any more: it restarted, or its temporary files were ' +
          'removed; then the script may still run.',
      });
    }
    const answer = await runBriefly(shell, 'cat /proc/uptime', '', clock);
    const uptimeS = Number.parseFloat(answer.stdout ?? '');
    if (Number.isNaN(uptimeS))
      throw new DroverError('ssh-lost', { detail: 'The host did not tell since when it is up.' });
    if (uptimeS * 1_000 < this.#ageMs + limits.sshRebootMarginMs) {
      return this.#end({
        outcome: { kind: 'unknown', reason: 'host-rebooted' },
        detail: 'The host restarted while the order was on its way, so that nobody knows whether it began.',
      });
    }
    this.#validUntil ??= hostTime + orderValidMs / 10;
    if (!(hostTime >= this.#validUntil)) {
      this.#waitMs = Math.max(0, this.#validUntil - hostTime) * 10;
      throw new DroverError('ssh-lost', {
        detail: 'The host does not know the order, which may still be on its way there.',
      });
    }
    if (this.#isCancelled) return this.#end({ outcome: { kind: 'cancelled' }, detail: 'Cancelled before it began.' });
    if (!this.#order)
      return this.#end({
        outcome: { kind: 'refused', reason: 'ssh-lost' },
        detail: 'The worker stopped, or lost the connection, before the host had taken the order. Nothing ran.',
      });
    // As if it had never left: should it still come in, the host does not begin it.
    this.#isOut = false;
    this.#patience.keepOn();
    throw new DroverError('ssh-lost', { detail: 'The order was lost on its way to the host.' });
  }

  /** As far as the host can be asked nothing. */
  #mayComeIn(): boolean {
    return this.#options.clock.monotonicMs() < this.#leftAtMs + this.#options.orderValidMs + limits.sshRebootMarginMs;
  }

  /** A channel that failed may have a reason that a question to the shell brings out. */
  async #explain(
    error: unknown,
    { shell, host }: { readonly shell: Parameters<typeof shellFault>[0]; readonly host: ReachedHost },
  ): Promise<unknown> {
    const code = errorCodeOf(error);
    if (code !== 'internal' && code !== 'link-lost' && code !== 'spawn-failed') return error;
    return (await shellFault(shell, host.hop, this.#options.clock).catch(() => undefined)) ?? error;
  }

  #refuse(error: unknown): void {
    const code = errorCodeOf(error);
    this.#end({ outcome: { kind: 'refused', reason: code }, detail: detailOf(error) });
  }

  #isOverdue(): boolean {
    const { note } = this.#options;
    return this.#ageMs > note.timeoutMs + note.killAfterMs + limits.sshReattachMs;
  }

  #end(end: AttemptEnd, run?: RemoteRun): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#order = undefined;
    this.#patience.stop();
    this.#onOver();
    this.#options.onEnded({ ...end, finishedAtMs: end.finishedAtMs ?? this.#options.clock.nowMs() }, run);
  }
}

interface CurrentFollower extends RemoteFollower {
  /** A channel that was given up says nothing any more. */
  isCurrent: boolean;
  end: RemoteEnd | undefined;
  run: RemoteRun | undefined;
  conclude(end: RemoteEnd, run: RemoteRun): Promise<void>;
}

function detailOf(error: unknown): string {
  return error instanceof DroverError ? error.detail : `${(error as Error).message}.`;
}
