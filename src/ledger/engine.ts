/**
 * The contract of an engine: what really begins, resumes and stops work. It decides nothing about the record. Whether
 * an attempt may begin, what is kept of it, when its end is told and how long it is remembered is the ledger's
 * (ledger.ts), which is written once. One conformance suite (test/conformance/ledger.ts) proves the ledger with every
 * engine. To add one: docs/checklists/add-engine.md.
 */
import type { ErrorCode } from '../base/errors.ts';
import type { AttemptId } from '../base/ids.ts';
import type { Service } from '../base/service.ts';
import type { ScriptWork } from '../domain/work/script.ts';
import type { CarriedWork } from '../domain/work/work.ts';
import type { AgentReport, ExecutionSpec } from '../protocol/link/agent-v1.ts';
import type { OutputFacts, OutputRange } from './outputs.ts';

/** What an engine carries out: work of a kind that it has named, and what holds beside it for this run. */
export type ExecutionOrder<W extends CarriedWork = CarriedWork> = Omit<ExecutionSpec, 'work'> & { readonly work: W };
export type ScriptOrder = ExecutionOrder<ScriptWork>;

/** The host that it is done to, as the run has it: id and name are what the script is told. Without them it is done to none. */
export interface AttemptSubject {
  readonly hostId?: string;
  readonly hostName?: string;
  /** For an engine that reaches hosts by accounts, where the run asks for one. */
  readonly accountId?: string;
}

/** The script's process, 0 where it is none, and when it began by the executor's wall clock. */
export interface AttemptStart {
  readonly pid: number;
  readonly atMs: number;
}

/** The end of an attempt: its outcome, and what there is to say beside it. Without `finishedAtMs` it has ended now. */
export type AttemptEnd = Omit<
  AgentReport,
  't' | 'a' | 'finishedAtMs' | 'stdout' | 'stderr' | 'values' | 'valuesFault'
> & {
  readonly finishedAtMs?: number;
};

/** What an engine tells of one attempt. After `ended` nothing that it says counts. */
export interface AttemptSink {
  /** Which values are not to be seen in its output, and how much of that is kept. Said before any output comes; `begin` finds it said. */
  openOutput(facts: OutputFacts): void;
  /** Whether somebody looks on right now: live output may cost its host something. */
  isWatched(): boolean;
  /** It has begun. `trace` is journaled, so that a successor finds it. */
  started(start: AttemptStart, trace: StartTrace): void;
  /** How it ended. `remains`: what there still is of it beyond what the ledger keeps. */
  ended(end: AttemptEnd, remains?: Remains): void;
}

/** An attempt that an engine has in hand. */
export interface Held {
  /** TERM, grace, KILL on the whole tree; `ended` tells when nothing of it is left. Said again as long as no end is told. */
  stop(cause: StopCause): void;
}
export type StopCause = 'cancelled';

/** Nothing of it ran. */
export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail: string;
}
/** It never began, and may: with this order, as soon as there is room. */
export interface Absent {
  readonly absent: ExecutionSpec;
  readonly subject: AttemptSubject;
}
/** It may have run, and nobody can tell how it ended: the attempt is lost. */
export interface Unknown {
  readonly unknown: ErrorCode;
  readonly detail: string;
}

/** What the journal keeps for an engine before anything begins; only the engine reads it. */
export interface AcceptTrace {
  readonly bytes: Uint8Array;
  /** Then it is sealed on the disk, under a key that never leaves it. */
  readonly isSecret: boolean;
}
/** What an engine finds a begun attempt by; only the engine reads it. */
export type StartTrace = Readonly<Record<string, string | number | Uint8Array>>;

/** All that the journal has of an attempt which an earlier process of ours accepted. */
export interface Trace {
  readonly acceptedAtMs: number;
  /** The start of the machine under which it was accepted; empty for an engine whose attempts outlive it. */
  readonly bootId: string;
  readonly accepted: Uint8Array;
  /** Absent where its beginning was not journaled: it may have begun all the same. */
  readonly start?: AttemptStart;
  readonly started?: StartTrace;
}

/** What there still is of an ended attempt, until it is forgotten. */
export interface Remains {
  /** The end is on disk: what was kept only so that somebody could find it may go. `isWhole`: all of its output is here too. */
  recorded?(isWhole: boolean): void;
  /** A range of the whole output, where the ledger has kept head and tail of it alone. */
  readWhole?(stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined>;
  /** The server has it all. */
  forgotten?(): void;
}

/** `W`: the work that it carries out; the ledger gives it no other. */
export interface Engine<W extends CarriedWork = CarriedWork> extends Service {
  /** The start of the machine on which attempts run and end with it; empty where they outlive it. Known once it has started. */
  readonly bootId: string;
  /** Of the work that it carries out. Any other is refused by the ledger, and never begun. */
  readonly kinds: readonly W['kind'][];
  /** Throws where the order is none for this engine: then nothing is known of the attempt. Its work may be of any kind. */
  traceOf(attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): AcceptTrace;
  /** Its acceptance is on disk. At most once for an attempt, but for one that `resume` has called absent. */
  begin(attempt: AttemptId, order: ExecutionOrder<W>, subject: AttemptSubject, sink: AttemptSink): Held | Refusal;
  /** Once for each attempt without an end that an earlier process left. What takes long is done in hand, as `Held`. */
  resume(attempt: AttemptId, trace: Trace, sink: AttemptSink): Promise<Held | Absent | Unknown>;
  /**
   * Nobody can take it in hand (its trace cannot be read, or this engine fell over it): whatever of it may run here is
   * ended, for nobody else would end it at its deadline. Absent where that is seen to elsewhere.
   */
  abandon?(attempt: AttemptId): Promise<void>;
  /** Once for each whose end is recorded and not forgotten. */
  reopen(attempt: AttemptId, trace: Trace, report: AgentReport): Remains | undefined;
}
