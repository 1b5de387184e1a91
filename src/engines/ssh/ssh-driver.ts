/**
 * The driver of hosts without an agent: one for a whole worker, the same contract as the process driver's, with a host named
 * at every start. Main path of an attempt: accept (journal, synced) → reach → start → follow → end → journal → finished; and
 * forget once the server has committed.
 *
 * Credentials are asked for when a connection is opened and are in memory only; the journal holds attempts, where they are and how
 * they ended. Whatever is killed: what was accepted is looked for on its host by our successor, and goes on.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import { assert } from '../../base/assert.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { DroverError } from '../../base/errors.ts';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { AgentReport, ExecutionSpec } from '../../protocol/link/agent-v1.ts';
import type { SshAccess } from '../../protocol/link/ssh-access.ts';
import type { AttemptStart, Driver, DriverAttemptState, DriverEvents, StartAnswer } from '../../ledger/driver.ts';
import { Journal, type JournalEntry } from '../../ledger/journal.ts';
import { AttemptOutput } from '../../ledger/attempt-output.ts';
import { testConnection, type ConnectionTestResult } from './connection/connection-test.ts';
import type { RecordHostKey } from './connection/host-key.ts';
import { KeptStream } from '../../ledger/kept-stream.ts';
import { neededUser } from './remote/remote-become.ts';
import type { RemoteFollower, RemoteOutcome, RemoteRun } from './remote/remote-run.ts';
import { SharedMasks } from '../../ledger/mask.ts';
import { attachRemote, RemoteSessions } from './remote/remote-supervisor.ts';
import { SshAttempt, type SshNote } from './attempt/ssh-attempt.ts';
import { SshPool, type SshPoolOptions, type SshTarget } from './connection/ssh-pool.ts';

export interface SshDriverOptions {
  /** The journal and output on its way; the driver's alone. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Asked when a connection is opened. A DroverError that it rejects with becomes the reason of the refusal. */
  access(target: SshTarget): Promise<SshAccess>;
  readonly recordHostKey: RecordHostKey;
  /** The secrets of an attempt that an earlier process of ours accepted, to mask its output. Tried again until it answers. */
  secretsOf(attempt: AttemptId): Promise<readonly string[]>;
  /** How long an order may be on its way; shorter for tests. */
  readonly orderValidMs?: number;
  readonly connections?: Pick<SshPoolOptions, 'connectionsMax' | 'idleMs' | 'dialsMax' | 'dial'>;
}

export interface SshDriver extends Driver {
  /** Hosts or accounts have changed: connections are checked as they are used next. */
  accessChanged(): void;
  /** Step by step, over a connection of its own. Rejects with the server's reason when there is no way to be tried. */
  test(target: SshTarget): Promise<ConnectionTestResult[]>;
  load(): { readonly running: number; readonly unreported: number; readonly connections: number };
}

export function createSshDriver(options: SshDriverOptions): SshDriver {
  return new SshDriverService(options);
}

/** An end that is on disk, or about to be. */
interface Finished {
  readonly kept: Record<1 | 2, KeptStream>;
  readonly note: SshNote;
  run: RemoteRun | undefined;
  isOnHost: boolean;
}

const RECORD_RETRY_MS_MAX = 5_000;
const packr = new Packr({ useRecords: false });

class SshDriverService implements SshDriver {
  readonly name = 'ssh-driver';
  events: DriverEvents = { accepted() {}, started() {}, output() {}, finished() {} };
  readonly #options: SshDriverOptions;
  readonly #journal: Journal;
  readonly #pool: SshPool;
  readonly #sessions = new RemoteSessions();
  readonly #masks = new SharedMasks();
  readonly #accepting = new Map<string, Promise<StartAnswer>>();
  readonly #running = new Map<string, SshAttempt>();
  readonly #outputs = new Map<string, AttemptOutput>();
  readonly #finished = new Map<string, Finished>();
  readonly #cancelled = new Set<string>();
  readonly #watched = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  #stopping = new AbortController();

  constructor(options: SshDriverOptions) {
    this.#options = options;
    try {
      mkdirSync(join(options.dir, 'output'), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new DroverError('spool-unwritable', {
        detail: `The folder ${options.dir} cannot be written: ${(error as Error).message}`,
        cause: error,
      });
    }
    this.#journal = new Journal(join(options.dir, 'journal'), { tombstoneKeptMs: limits.tombstoneKeptMs });
    const { clock, random, log, access, recordHostKey, connections } = options;
    this.#pool = new SshPool({ clock, random, log, access, recordHostKey, ...connections });
  }

  async start(): Promise<void> {
    await this.#journal.open(this.#options.clock.nowMs());
    for (const file of readdirSync(join(this.#options.dir, 'output'))) {
      const entry = this.#journal.entries.get(file.replace(/\.[12]$/, ''));
      if (!entry?.report) rmSync(join(this.#options.dir, 'output', file), { force: true });
    }
    for (const [attempt, entry] of this.#journal.entries) {
      if (entry.report) await this.#reopen(attempt, entry, entry.report);
      else
        this.#carry(attempt as AttemptId, noteOf(entry), entry.accepted.atMs, undefined, entry.started !== undefined);
    }
  }

  /** Scripts go on on their hosts; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const running of this.#running.values()) running.abandon();
    await Promise.allSettled(this.#accepting.values());
    this.#pool.stop();
    await Promise.allSettled(this.#work);
    for (const output of this.#outputs.values()) await output.close();
    for (const { kept } of this.#finished.values()) await Promise.all([kept[1].close(), kept[2].close()]);
    await this.#journal.close();
  }

  /** Rejects with `spool-full` or `spool-unwritable` when the journal cannot take it: then nothing is known of it and nothing ran. */
  async startAttempt(attempt: AttemptId, spec: ExecutionSpec, target?: SshTarget): Promise<StartAnswer> {
    assert(target, 'a start over SSH names its host');
    if (this.#journal.tombstones.has(attempt)) return 'settled';
    if (this.#journal.entries.has(attempt)) return 'accepted';
    const same = this.#accepting.get(attempt);
    if (same) return same;
    if (this.#journal.entries.size + this.#accepting.size >= limits.sshExecutionsMax) return 'busy';
    const work = this.#accept(attempt, spec, target).finally(() => this.#accepting.delete(attempt));
    this.#accepting.set(attempt, work);
    return work;
  }

  async #accept(attempt: AttemptId, spec: ExecutionSpec, target: SshTarget): Promise<StartAnswer> {
    const note: SshNote = {
      target,
      ...(spec.user === undefined ? {} : { user: spec.user }),
      keptBytes: spec.outputKeptBytes,
      timeoutMs: spec.timeoutMs,
      killAfterMs: spec.killAfterMs,
      hasSecrets: Object.keys(spec.secrets).length > 0,
    };
    const atMs = this.#options.clock.nowMs();
    try {
      await this.#journal.append({
        k: 'accepted',
        a: attempt,
        atMs,
        bootId: '',
        sealed: false,
        spec: packr.pack(note),
      });
    } catch (error) {
      this.#cancelled.delete(attempt);
      throw error;
    }
    this.events.accepted(attempt);
    this.#carry(attempt, note, atMs, spec, false);
    return 'accepted';
  }

  cancel(attempt: AttemptId): boolean {
    if (!this.#journal.entries.has(attempt) && !this.#accepting.has(attempt)) return false;
    const running = this.#running.get(attempt);
    if (running) running.cancel();
    else if (this.#accepting.has(attempt)) this.#cancelled.add(attempt);
    return true;
  }

  watch(attempt: AttemptId, on: boolean): void {
    if (on) this.#watched.add(attempt);
    else this.#watched.delete(attempt);
    this.#outputs.get(attempt)?.watch(on);
  }

  stateOf(attempt: AttemptId): DriverAttemptState | 'settled' | undefined {
    const entry = this.#journal.entries.get(attempt);
    if (entry) return entry.report ? 'finished' : this.#running.get(attempt)?.hasStarted ? 'running' : 'accepted';
    if (this.#accepting.has(attempt)) return 'accepted';
    return this.#journal.tombstones.has(attempt) ? 'settled' : undefined;
  }

  startOf(attempt: AttemptId): AttemptStart | undefined {
    const process = this.#running.has(attempt) ? this.#journal.entries.get(attempt)?.started : undefined;
    return process && { pid: process.pid, atMs: process.startedAtMs };
  }

  list(): readonly { attempt: AttemptId; state: DriverAttemptState }[] {
    return [...this.#journal.entries.keys()].map((attempt) => ({
      attempt: attempt as AttemptId,
      state: this.stateOf(attempt as AttemptId) as DriverAttemptState,
    }));
  }

  async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    return this.#journal.entries.get(attempt)?.report;
  }

  async readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array> {
    if (!this.#journal.entries.get(attempt)?.report) return new Uint8Array(0);
    return (await this.#finished.get(attempt)?.kept[stream].readKept(offset, length)) ?? new Uint8Array(0);
  }

  /** What was left out between head and tail is on the host until `forget`; where it may hold secrets it is not fetched. */
  async readWhole(
    attempt: AttemptId,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean } | undefined> {
    const finished = this.#finished.get(attempt);
    if (!finished || !this.#journal.entries.get(attempt)?.report) return undefined;
    const kept = finished.kept[stream];
    if (!kept.hasGap) {
      const bytes = await kept.read(offset, length);
      return { bytes, size: kept.size, eof: offset + bytes.length >= kept.size };
    }
    if (finished.note.hasSecrets) return undefined;
    const run = await this.#runOf(attempt, finished);
    return run?.readWhole(stream, offset, length);
  }

  async forget(attempts: readonly AttemptId[]): Promise<void> {
    const settled = attempts.filter((attempt) => this.#journal.entries.get(attempt)?.report);
    await Promise.all(settled.map((a) => this.#journal.append({ k: 'settled', a, atMs: this.#options.clock.nowMs() })));
    for (const attempt of settled) {
      this.#watched.delete(attempt);
      const finished = this.#finished.get(attempt);
      this.#finished.delete(attempt);
      if (!finished) continue;
      if (finished.isOnHost) this.#track(this.#clearHost(attempt, finished));
      await Promise.all([finished.kept[1].remove(), finished.kept[2].remove()]);
    }
  }

  accessChanged(): void {
    this.#pool.accessChanged();
  }

  async test(target: SshTarget): Promise<ConnectionTestResult[]> {
    const { access, clock, random, log, recordHostKey } = this.#options;
    return testConnection(await access(target), { clock, random, log, recordHostKey });
  }

  load(): { readonly running: number; readonly unreported: number; readonly connections: number } {
    return { running: this.#running.size, unreported: this.#journal.entries.size, connections: this.#pool.size };
  }

  // — carrying an attempt —

  #carry(
    attempt: AttemptId,
    note: SshNote,
    acceptedAtMs: number,
    spec: ExecutionSpec | undefined,
    hasStarted: boolean,
  ): void {
    const { clock, random, log } = this.#options;
    const running = new SshAttempt(
      {
        attempt,
        note,
        acceptedAtMs,
        spec,
        pool: this.#pool,
        sessions: this.#sessions,
        clock,
        random,
        log,
        stopping: this.#stopping.signal,
        orderValidMs: this.#options.orderValidMs ?? limits.sshOrderValidMs,
        output: () => this.#outputOf(attempt, note, spec),
        isWatched: () => this.#watched.has(attempt),
        onStarted: (pid, atMs) => {
          void this.#journal
            .append({
              k: 'started',
              a: attempt,
              process: { pid, startTicks: 0, supervisorPid: 0, bootId: '', startedAtMs: atMs },
            })
            .catch(() => undefined);
          this.events.started(attempt, pid, atMs);
        },
        onEnded: (outcome, run) => this.#track(this.#finish(attempt, note, spec, outcome, run)),
      },
      hasStarted,
    );
    this.#running.set(attempt, running);
    if (this.#cancelled.delete(attempt)) running.cancel();
    this.#track(running.carry());
  }

  async #outputOf(attempt: AttemptId, note: SshNote, spec: ExecutionSpec | undefined): Promise<AttemptOutput> {
    const known = this.#outputs.get(attempt);
    if (known) return known;
    const secrets = spec ? Object.values(spec.secrets) : note.hasSecrets ? await this.#options.secretsOf(attempt) : [];
    const made = this.#outputs.get(attempt);
    if (made) return made;
    const { clock, log, dir } = this.#options;
    const output = new AttemptOutput({
      path: join(dir, 'output', attempt),
      keptBytes: note.keptBytes,
      secrets,
      masks: this.#masks,
      clock,
      log,
      stopping: this.#stopping.signal,
      onLive: (stream, offset, bytes, skipped) => this.events.output(attempt, stream, offset, bytes, skipped),
    });
    this.#outputs.set(attempt, output);
    if (this.#watched.has(attempt)) output.watch(true);
    return output;
  }

  /** Output first, then the record: nothing is told before it is durable. A disk without space delays it. */
  async #finish(
    attempt: AttemptId,
    note: SshNote,
    spec: ExecutionSpec | undefined,
    outcome: RemoteOutcome,
    run: RemoteRun | undefined,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const output = this.#outputs.get(attempt) ?? (await this.#outputOf(attempt, { ...note, hasSecrets: false }, spec));
    for (let tries = 0; ; tries++) {
      if (this.#stopping.signal.aborted) return;
      try {
        const streams = await output.finish();
        await this.#journal.append({
          k: 'ended',
          a: attempt,
          report: { t: 'report', a: attempt, ...outcome, ...streams },
        });
        break;
      } catch (error) {
        if (tries === 0)
          log.error(
            { attempt, err: error },
            'the end of an execution could not be recorded; it is tried again until it can be',
          );
        await pause(clock, Math.min(RECORD_RETRY_MS_MAX, 100 * 2 ** tries), this.#stopping.signal);
      }
    }
    const { kept } = output;
    const finished: Finished = { kept, note, run, isOnHost: run !== undefined };
    this.#finished.set(attempt, finished);
    this.#outputs.delete(attempt);
    this.#running.delete(attempt);
    this.events.finished(attempt);
    // All of it is here: the host need not keep it until the server has it too.
    if (run && !kept[1].hasGap && !kept[2].hasGap) await this.#clearHost(attempt, finished);
  }

  /** Nothing is left on the host. One that cannot be reached removes it by itself after a week. */
  async #clearHost(attempt: string, finished: Finished): Promise<void> {
    const { clock, random, log } = this.#options;
    finished.isOnHost = false;
    for (let tries = 0; tries < limits.sshForgetTriesMax && !this.#stopping.signal.aborted; tries++) {
      try {
        const run = await this.#runOf(attempt, finished);
        return await run?.forget();
      } catch (error) {
        finished.run = undefined;
        log.debug({ attempt, err: error }, 'what an attempt left on its host could not be removed yet');
        await pause(clock, (1 + random.next()) * 500 * 2 ** tries, this.#stopping.signal);
      }
    }
  }

  /** A hold on an attempt that has ended, found again on the host where this process has none. */
  async #runOf(attempt: string, finished: Finished): Promise<RemoteRun | undefined> {
    if (finished.run) return finished.run;
    const { target, user } = finished.note;
    const { shell, host } = await this.#pool.shell(target);
    const nobody: RemoteFollower = { started() {}, output() {}, ended() {} };
    const from = { stdout: Number.MAX_SAFE_INTEGER, stderr: Number.MAX_SAFE_INTEGER };
    const run = await attachRemote(shell, { attempt, ...neededUser(host.become, user, host.hop.user) }, from, nobody, {
      clock: this.#options.clock,
      sessions: this.#sessions,
    });
    if (run === 'absent') return undefined;
    finished.run = run;
    return run;
  }

  async #reopen(attempt: string, entry: JournalEntry, report: AgentReport): Promise<void> {
    const note = noteOf(entry);
    const open = (stream: 1 | 2): Promise<KeptStream> =>
      KeptStream.reopen(
        join(this.#options.dir, 'output', `${attempt}.${stream}`),
        note.keptBytes,
        stream === 1 ? report.stdout : report.stderr,
      );
    this.#finished.set(attempt, {
      note,
      kept: { 1: await open(1), 2: await open(2) },
      run: undefined,
      isOnHost: report.outcome !== 'refused',
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'an attempt over SSH met a fault of ours'))
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

function noteOf(entry: JournalEntry): SshNote {
  return packr.unpack(Buffer.from(entry.accepted.spec)) as SshNote;
}
