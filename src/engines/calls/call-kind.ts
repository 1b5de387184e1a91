/** What a kind of call brings with it: a folder beside this file, and a line in `call-kinds.ts`. */
import type { FoundValues } from '../../ledger/told-values.ts';
import type { Dialer } from '../../outbound/dialer.ts';
import type { ReportedOutcome } from '../../protocol/link/agent-v1.ts';

export interface Call<W> {
  readonly work: W;
  /** In clear, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** That it may take, for whoever is asked to end it by himself where this worker dies. */
  readonly timeoutMs: number;
  /** How strange machines are reached, and which. */
  readonly reach: Omit<Dialer, 'words'>;
  /** Aborts when it is to end: at its deadline, by a cancel, or because the worker stops. Whoever aborts it tells the end. */
  readonly signal: AbortSignal;
  /** Aborts when its end is told: nobody waits for it any more. That is as soon as it is to end, unless it is in doubt. */
  readonly over: AbortSignal;
  /** A connection is there that may be spoken to: from here on it may do its work. `ifEnded`: what is said where it is ended then. */
  begun(ifEnded?: string): void;
  /**
   * Whether nobody but the far end can tell from here on if it has done its work. Where it is to end meanwhile, it is waited for, up to
   * `callEndMsMax`; without its answer it is lost, and never repeated by itself.
   */
  inDoubt(is: boolean): void;
  /** What goes on after its end, for a moment and never for longer: whoever stops the worker waits for it. Must not reject. */
  afterwards(work: Promise<void>): void;
  /** What it says, in order; waits until it is kept. */
  output(stream: 1 | 2, bytes: Uint8Array): Promise<void>;
}

export interface CallEnd {
  readonly outcome: Extract<ReportedOutcome, { kind: 'answered' | 'rows' }>;
  /** For people. It is not masked: nothing that the far end has said may stand in it. */
  readonly detail?: string;
  readonly values?: FoundValues;
}

/**
 * Rejects with a DroverError where there is no whole answer: its code is the reason, its detail is told to people and not masked. Before
 * `begun` the codes in `REFUSALS` say that nothing was done.
 */
export type MakeCall<W> = (call: Call<W>) => Promise<CallEnd>;
