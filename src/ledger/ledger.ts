/**
 * The truth of an executor about its attempts, written once for every engine. Main path of an attempt: accept (journal,
 * synced) → begin, when there is room → started (journal) → ended → output finished (masked, on disk) → end (journal) →
 * told, again and again by the conversation → forgotten, once the server has committed it: then a tombstone stays, for
 * longer than an order may be valid.
 *
 * So an attempt begins at most once, whatever is killed: before its acceptance is on disk nothing ran; after it, the
 * engine finds it again, or knows that it never began, or it is lost. Nothing is told before it is durable.
 */
import { given } from '../base/given.ts';
import { pause, type Clock } from '../base/clock.ts';
import type { AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { knownCarriedWork, type StoredWork } from '../domain/work/work.ts';
import type { AgentReport, ExecutionSpec } from '../protocol/link/agent-v1.ts';
import type {
  AttemptEnd,
  AttemptSink,
  AttemptStart,
  AttemptSubject,
  Engine,
  Held,
  Remains,
  StopCause,
  Trace,
} from './engine.ts';
import { Journal, type JournalEntry } from './journal.ts';
import type { JournalFiles } from './journal-files.ts';
import { fittingReport, isFittingStart } from './fitting-words.ts';
import { isWhole, type OutputRange, type Outputs } from './outputs.ts';
import type { TraceVault } from './trace-vault.ts';

export type AttemptState = 'accepted' | 'running' | 'finished';

export type StartAnswer =
  /** Taken now, or known already: a duplicate start is an `accepted` that changes nothing. */
  | 'accepted'
  /** Settled and acknowledged before: nothing happens, nothing is reported again. */
  | 'settled'
  /** Not taken, nothing journaled; the caller may try again later or elsewhere. */
  | 'busy';

/** Who hears of attempts as they go on. */
export interface LedgerListener {
  started(attempt: AttemptId, start: AttemptStart): void;
  /** Live output of a watched attempt, masked, best effort. */
  output(attempt: AttemptId, stream: 1 | 2, offset: number, bytes: Uint8Array, skipped: number): void;
  /** The end is durable. Output that is not in the report is read with `readKept`. */
  finished(attempt: AttemptId): void;
}

export interface LedgerOptions {
  readonly engine: Engine;
  readonly outputs: Outputs;
  readonly journal: { readonly path: string; readonly files?: JournalFiles };
  /** Absent for an engine whose traces are never secret. */
  readonly vault?: TraceVault;
  /** Attempts held at once, ended ones that the server does not have yet included; more are `busy`. */
  readonly attemptsMax: number;
  /** Attempts begun at once; others wait for their turn. */
  readonly concurrent?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a user reads, whatever engine it was, where the files of what he runs are gone when it ends. */
export const FILES_DELETED =
  'Somebody deleted its files on the host while it ran. How it ended is certain; some of its output may be missing.';

const RECORD_UNREADABLE =
  'Its record here cannot be read any more. What ran of it was ended, and none of its output is told: ' +
  'nobody knows its secrets to take them out.';

/** How soon a full disk is noticed to have space again, at the latest. */
const RECORD_RETRY_MS_MAX = 5_000;

/** An attempt that has begun, or is looked for, and has no end yet. */
interface Begun {
  held: Held | undefined;
  start: AttemptStart | undefined;
}

export class Ledger {
  readonly name: string;
  readonly #options: LedgerOptions;
  readonly #journal: Journal;
  #listener: LedgerListener | undefined;
  /** Starts that are being journaled: neither known for good nor unknown. */
  readonly #accepting = new Map<string, Promise<StartAnswer>>();
  /** Accepted, and without room yet; oldest first. */
  readonly #waiting = new Map<string, { readonly spec: ExecutionSpec; readonly subject: AttemptSubject }>();
  readonly #begun = new Map<string, Begun>();
  readonly #cancelled = new Set<string>();
  readonly #recording = new Set<Promise<void>>();
  readonly #remains = new Map<string, Remains>();
  readonly #stopping = new AbortController();

  constructor(options: LedgerOptions) {
    const { engine, journal } = options;
    this.name = `ledger-${engine.name}`;
    this.#options = options;
    this.#journal = new Journal(journal.path, {
      tombstoneKeptMs: limits.tombstoneKeptMs,
      ...given({ files: journal.files }),
    });
  }

  /**
   * Finds again what an earlier process left. What happens from here on is told to `listener`; ends that are there
   * already are in `list`.
   */
  async start(listener: LedgerListener): Promise<void> {
    const { engine, outputs, clock } = this.#options;
    this.#listener = listener;
    await this.#journal.open(clock.nowMs());
    this.#mendReports();
    await engine.start();
    await outputs.start(
      this.#journal.entries,
      (attempt, ...live) => listener.output(attempt as AttemptId, ...live),
      this.#stopping.signal,
    );
    for (const [a, entry] of this.#journal.entries) {
      const attempt = a as AttemptId;
      if (!entry.report) await this.#resume(attempt, entry);
      else this.#reopen(attempt, entry, entry.report);
    }
    this.#beginWaiting();
  }

  /** Of a program from before ends were held against what a server takes. */
  #mendReports(): void {
    const { clock, log } = this.#options;
    for (const [attempt, entry] of this.#journal.entries) {
      const report = entry.report && fittingReport(entry.report, clock.nowMs());
      if (!report || report === entry.report) continue;
      log.warn({ attempt, detail: report.detail }, 'a recorded end is none that a server takes; it is told as unknown');
      entry.report = report;
    }
  }

  /** What has begun goes on; the next start finds it. */
  async stop(): Promise<void> {
    const { engine, outputs } = this.#options;
    this.#stopping.abort();
    await Promise.allSettled(this.#accepting.values());
    await engine.stop();
    await Promise.allSettled(this.#recording);
    await outputs.stop();
    await this.#journal.close();
  }

  /**
   * Resolves when the decision is durable. Rejects with `spool-full` or `spool-unwritable` when the journal cannot take
   * it: then nothing is known of it and nothing ran. Faults of the work (no such user, a kind that is not known here …)
   * become a report of outcome `refused`.
   */
  async startAttempt(attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): Promise<StartAnswer> {
    if (this.#journal.tombstones.has(attempt)) return 'settled';
    if (this.#journal.entries.has(attempt)) return 'accepted';
    // A duplicate is as good as the first: it is answered when, and as, that one is.
    const same = this.#accepting.get(attempt);
    if (same) return same;
    if (this.#journal.entries.size + this.#accepting.size >= this.#options.attemptsMax) return 'busy';
    const accepting = this.#accept(attempt, spec, subject).finally(() => this.#accepting.delete(attempt));
    this.#accepting.set(attempt, accepting);
    return accepting;
  }

  async #accept(attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): Promise<StartAnswer> {
    const { engine, clock } = this.#options;
    try {
      await this.#journal.append({
        k: 'accepted',
        a: attempt,
        atMs: clock.nowMs(),
        bootId: engine.bootId,
        ...this.#sealed(attempt, engine.traceOf(attempt, spec, subject)),
      });
    } catch (error) {
      this.#cancelled.delete(attempt);
      throw error;
    }
    if (this.#cancelled.has(attempt)) this.#recordUnbegun(attempt);
    else {
      this.#waiting.set(attempt, { spec, subject });
      this.#beginWaiting();
    }
    return 'accepted';
  }

  /** What has not begun is reported as cancelled. False when the attempt is not known. */
  cancel(attempt: AttemptId): boolean {
    if (!this.#journal.entries.has(attempt) && !this.#accepting.has(attempt)) return false;
    this.#cancelled.add(attempt);
    if (this.#waiting.delete(attempt)) this.#recordUnbegun(attempt);
    else this.#begun.get(attempt)?.held?.stop('cancelled' satisfies StopCause);
    return true;
  }

  /** Of an attempt that is here, or is being accepted: of others nothing is remembered. */
  watch(attempt: AttemptId, on: boolean): void {
    if (on && !this.#journal.entries.has(attempt) && !this.#accepting.has(attempt)) return;
    this.#options.outputs.watch(attempt, on);
  }

  stateOf(attempt: AttemptId): AttemptState | 'settled' | undefined {
    const entry = this.#journal.entries.get(attempt);
    if (entry) return entry.report ? 'finished' : this.startOf(attempt) ? 'running' : 'accepted';
    if (this.#accepting.has(attempt)) return 'accepted';
    return this.#journal.tombstones.has(attempt) ? 'settled' : undefined;
  }

  /** What `started` told, for as long as the attempt runs. */
  startOf(attempt: AttemptId): AttemptStart | undefined {
    return this.#begun.get(attempt)?.start;
  }

  /** Attempts not yet forgotten. */
  list(): readonly { attempt: AttemptId; state: AttemptState }[] {
    return [...this.#journal.entries.keys()].map((attempt) => ({
      attempt: attempt as AttemptId,
      state: this.stateOf(attempt as AttemptId) as AttemptState,
    }));
  }

  /** `running` are those that have begun, or are looked for; `unreported` are all that the server does not have yet. */
  load(): { readonly running: number; readonly unreported: number } {
    return { running: this.#begun.size, unreported: this.#journal.entries.size };
  }

  /** The report of a finished attempt; `inline` is set where it fits in `outputInlineBytesMax`. */
  async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    return this.#journal.entries.get(attempt)?.report;
  }

  /** A range of the kept bytes (head and tail joined), masked. */
  async readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array> {
    const report = this.#journal.entries.get(attempt)?.report;
    if (!report) return new Uint8Array(0);
    const kept = stream === 1 ? report.stdout : report.stderr;
    return this.#options.outputs.readKept(attempt, stream, kept, offset, length);
  }

  /** A range of the whole output, masked; undefined when it is not (any more) to be had. Also for forgotten attempts. */
  async readWhole(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined> {
    const entry = this.#journal.entries.get(attempt);
    // Until it is clean it may hold secrets; live output is the way to see it.
    if (entry && !entry.report) return undefined;
    const here = await this.#options.outputs.readWhole(attempt, stream, offset, length);
    return here ?? this.#remains.get(attempt)?.readWhole?.(stream, offset, length);
  }

  /** The server has committed the report: only a tombstone remains, and the output where it is kept on. Durable when it resolves. */
  async forget(attempts: readonly AttemptId[]): Promise<void> {
    const { outputs, clock } = this.#options;
    const settled = attempts.filter((attempt) => this.#journal.entries.get(attempt)?.report);
    await Promise.all(settled.map((a) => this.#journal.append({ k: 'settled', a, atMs: clock.nowMs() })));
    for (const attempt of settled) {
      this.#cancelled.delete(attempt);
      this.#remains.get(attempt)?.forgotten?.();
      this.#remains.delete(attempt);
    }
    await outputs.forget(settled);
  }

  // — beginning —

  #beginWaiting(): void {
    const { concurrent = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#begun.size < concurrent && !this.#stopping.signal.aborted) {
      const [next] = this.#waiting;
      if (!next) return;
      this.#waiting.delete(next[0]);
      this.#begin(next[0] as AttemptId, next[1].spec, next[1].subject);
    }
  }

  #begin(attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): void {
    const { engine } = this.#options;
    const { begun, sink } = this.#beginning(attempt);
    sink.openOutput({ keptBytes: spec.outputKeptBytes, secrets: Object.values(spec.secrets) });
    // What a journal has from before work had kinds says none.
    const told = spec.work as StoredWork | undefined;
    const work = told && knownCarriedWork(told);
    if (!work || !engine.kinds.includes(work.kind))
      return sink.ended({
        outcome: { kind: 'refused', reason: 'work-kind-unknown' },
        detail:
          `The engine ${engine.name} here does not know what it is to do: ` +
          `${told ? `work of kind ${told.kind}, version ${told.v}` : 'an order that says no kind'}. Nothing ran.`,
      });
    let answer: ReturnType<Engine['begin']>;
    try {
      answer = engine.begin(attempt, { ...spec, work }, subject, sink);
    } catch (error) {
      return this.#fellOver(attempt, sink, error);
    }
    if ('refused' in answer)
      sink.ended({ outcome: { kind: 'refused', reason: answer.refused }, detail: answer.detail });
    else begun.held = answer;
  }

  /** Its end is recorded, and is told whatever its trace has become. */
  #reopen(attempt: AttemptId, entry: JournalEntry, report: AgentReport): void {
    const { engine, log } = this.#options;
    try {
      this.#remainsOf(attempt, engine.reopen(attempt, this.#traceOf(attempt, entry), report));
    } catch (error) {
      log.warn({ attempt, err: error }, 'what is left of an execution cannot be read; its end is told all the same');
    }
  }

  async #resume(attempt: AttemptId, entry: JournalEntry): Promise<void> {
    const { begun, sink } = this.#beginning(attempt);
    const trace = this.#readTrace(attempt, entry);
    if (!trace) return this.#abandon(attempt, sink, RECORD_UNREADABLE);
    begun.start = trace.start && isFittingStart(trace.start) ? trace.start : undefined;
    let answer: Awaited<ReturnType<Engine['resume']>>;
    try {
      answer = await this.#options.engine.resume(attempt, trace, sink);
    } catch (error) {
      return this.#fellOver(attempt, sink, error);
    }
    if ('unknown' in answer)
      sink.ended({ outcome: { kind: 'unknown', reason: answer.unknown }, detail: answer.detail });
    else if ('absent' in answer) {
      this.#begun.delete(attempt);
      this.#waiting.set(attempt, { spec: answer.absent, subject: answer.subject });
    } else begun.held = answer;
  }

  /** A fault of an engine is the end of one attempt, which may have begun, and of nothing else. */
  #fellOver(attempt: AttemptId, sink: AttemptSink, error: unknown): void {
    this.#options.log.error(
      { attempt, err: error },
      'an execution could not be begun or found again, for a fault of ours',
    );
    void this.#abandon(attempt, sink, `Its executor fell over it: ${(error as Error).message}`);
  }

  /** Nobody has it in hand: whatever of it may still run is ended, and then its end is told. */
  async #abandon(attempt: AttemptId, sink: AttemptSink, detail: string): Promise<void> {
    try {
      await this.#options.engine.abandon?.(attempt);
    } catch (error) {
      this.#options.log.error({ attempt, err: error }, 'what may run of an execution could not be ended');
    }
    sink.ended({ outcome: { kind: 'unknown', reason: 'status-unknown' }, detail });
  }

  #beginning(attempt: AttemptId): { readonly begun: Begun; readonly sink: AttemptSink } {
    const { outputs } = this.#options;
    const begun: Begun = { held: undefined, start: undefined };
    this.#begun.set(attempt, begun);
    const isCurrent = (): boolean => this.#begun.get(attempt) === begun;
    const sink: AttemptSink = {
      openOutput: (facts) => outputs.open(attempt, facts),
      isWatched: () => outputs.isWatched(attempt),
      started: (start, trace) => {
        if (!isCurrent()) return;
        if (!isFittingStart(start))
          return this.#options.log.error({ attempt, ...start }, 'a start that no server takes was passed over');
        begun.start = start;
        const process = { ...trace, pid: start.pid, startedAtMs: start.atMs };
        // A successor finds it without this too, if not as well.
        void this.#journal.append({ k: 'started', a: attempt, process }).catch(() => undefined);
        this.#listener?.started(attempt, start);
      },
      ended: (end, remains) => {
        if (!isCurrent()) return;
        this.#begun.delete(attempt);
        this.#record(attempt, end, remains);
        this.#beginWaiting();
      },
    };
    return { begun, sink };
  }

  // — ending —

  #recordUnbegun(attempt: AttemptId): void {
    this.#record(attempt, { outcome: { kind: 'cancelled' }, detail: 'Cancelled before it began.' });
  }

  #record(attempt: AttemptId, end: AttemptEnd, remains?: Remains): void {
    const { log } = this.#options;
    const recording = this.#recordWhenever(attempt, end, remains)
      .catch((error: unknown) => log.error({ attempt, err: error }, 'the end of an execution met a fault of ours'))
      .finally(() => this.#recording.delete(recording));
    this.#recording.add(recording);
  }

  /**
   * Output first, then the record. A disk without space delays it; each step may be repeated, and is, until it is
   * recorded or a successor does it.
   */
  async #recordWhenever(attempt: AttemptId, end: AttemptEnd, remains: Remains | undefined): Promise<void> {
    const { clock, log, outputs } = this.#options;
    const finishedAtMs = end.finishedAtMs ?? clock.nowMs();
    for (let tries = 0; ; tries++) {
      if (this.#stopping.signal.aborted) return;
      try {
        const { isIncomplete, ...streams } = await outputs.finish(attempt);
        const isLost = isIncomplete === true && end.startedAtMs !== undefined;
        const detail = isLost ? { detail: [end.detail, FILES_DELETED].filter(Boolean).join(' ') } : {};
        const told: AgentReport = { t: 'report', a: attempt, ...end, ...detail, finishedAtMs, ...streams };
        const report = fittingReport(told, clock.nowMs());
        if (report !== told)
          log.error({ attempt, detail: report.detail }, 'an end that no server takes is told as unknown');
        await this.#journal.append({ k: 'ended', a: attempt, report });
        this.#remainsOf(attempt, remains);
        remains?.recorded?.(isWhole(report));
        this.#listener?.finished(attempt);
        return await outputs.recorded(attempt);
      } catch (error) {
        if (tries === 0)
          log.error(
            { attempt, err: error },
            'the end of an execution could not be recorded; it is tried again until it can be',
          );
        await pause(clock, Math.min(RECORD_RETRY_MS_MAX, 100 * 2 ** tries), this.#stopping.signal);
      }
    }
  }

  #remainsOf(attempt: AttemptId, remains: Remains | undefined): void {
    if (remains) this.#remains.set(attempt, remains);
  }

  // — traces —

  #sealed(
    attempt: AttemptId,
    { bytes, isSecret }: ReturnType<Engine['traceOf']>,
  ): { sealed: boolean; spec: Uint8Array } {
    if (!isSecret) return { sealed: false, spec: bytes };
    const { vault } = this.#options;
    if (!vault) throw new Error(`the ledger of ${this.#options.engine.name} keeps no secrets`);
    return { sealed: true, spec: vault.seal(attempt, bytes) };
  }

  /** Undefined where the key of its seal is another: one execution is not known any more, and the others are. */
  #readTrace(attempt: AttemptId, entry: JournalEntry): Trace | undefined {
    try {
      return this.#traceOf(attempt, entry);
    } catch (error) {
      this.#options.log.error({ attempt, err: error }, 'the record of an execution cannot be read');
      return undefined;
    }
  }

  #traceOf(attempt: AttemptId, { accepted, started }: JournalEntry): Trace {
    const { vault } = this.#options;
    const bytes = accepted.sealed ? vault?.open(attempt, accepted.spec) : accepted.spec;
    if (!bytes) throw new Error(`the ledger of ${this.#options.engine.name} keeps no secrets, and ${attempt} has some`);
    return {
      acceptedAtMs: accepted.atMs,
      bootId: accepted.bootId,
      accepted: bytes,
      ...given({ start: started && { pid: started.pid, atMs: started.startedAtMs }, started }),
    };
  }
}
