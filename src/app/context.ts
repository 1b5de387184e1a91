/** What every verb of `app` is given. Built once in `bin`; a verb takes it first, then its input, and answers with a value. */
import type { Clock } from '../base/clock.ts';
import type { RunId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { RunSeed } from '../store/contract/owner-commit.ts';
import type { FirstDispatch } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import type { HostView } from './host-view.ts';

export interface AppContext {
  readonly store: Store;
  readonly hosts: HostView;
  readonly clock: Clock;
  readonly log: Log;
  readonly sealer: KeyedSealer;
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

/** A run that is about to be written. */
export interface NewRunSeed extends Omit<RunSeed, 'run'> {
  readonly run: { readonly id: RunId; readonly name: string };
}

export interface Ownership {
  owned(): readonly { id: number; term: number }[];
  /**
   * What the owner would do first with a run that is not written yet: written with it, it spares a commit and the wait for it.
   * Nothing has happened until `written` is called. Undefined when the run is another server's, or none of its hosts has a way now.
   */
  plan(seed: NewRunSeed): { readonly dispatch: FirstDispatch; written(): void } | undefined;
  /**
   * Wakes the owner loop of this run at once when it is here; otherwise nothing (the store's hint wakes the other server).
   * Whoever has just written the run hands it over, which spares the owner reading it.
   */
  wake(runId: string, seed?: RunSeed): void;
}
