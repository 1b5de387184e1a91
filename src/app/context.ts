/** What every verb of `app` is given. Built once in `bin`; a verb takes it first, then its input, and answers with a value. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import type { NewRun, RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import type { HostView } from './host-view.ts';
import type { JobDefinitions } from './job-definitions.ts';

export interface AppContext {
  readonly store: Store;
  readonly hosts: HostView;
  readonly clock: Clock;
  readonly log: Log;
  readonly sealer: KeyedSealer;
  readonly definitions: JobDefinitions;
  /** Partitions this server owns now: runs created here go to one of them when there is any, and wake it without a detour. */
  readonly ownership: Ownership;
}

/** Seals small secrets at rest: AES-256-GCM under the master key, the purpose as associated data. */
export interface Sealer {
  seal(purpose: string, plain: Uint8Array): Uint8Array;
  /** Throws when the purpose or the key is another, or the bytes were touched. */
  open(purpose: string, sealed: Uint8Array): Uint8Array;
}

/** A sealer that knows which of several master keys it uses, so that values can be moved to the newest. */
export interface KeyedSealer extends Sealer {
  readonly currentKeyId: string;
  /** Throws as `open` does. */
  keyIdOf(purpose: string, sealed: Uint8Array): string;
  /** A digest that nobody without the master key can check guesses against. */
  digest(bytes: string | Uint8Array): Buffer;
}

export interface Ownership {
  owned(): readonly { id: number; term: number }[];
  /**
   * Writes a new run together with what its owner does first, and goes on from there: undefined where the run is
   * another server's, or this one's lease cannot be believed. `onWritten` is called when the run is written, before
   * anything of it starts. Rejects as `runCreate` does.
   */
  create(run: NewRun, audit: AuditEntry, onWritten: () => void): Promise<RunRecord> | undefined;
  /** Wakes the owner loop of this run at once when it is here; otherwise nothing (the store's hint wakes the other server). */
  wake(runId: string): void;
}
