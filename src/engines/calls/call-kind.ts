/** What a kind of call brings with it: a folder beside this file, and a line in `call-kinds.ts`. */
import type { FoundValues } from '../../ledger/told-values.ts';
import type { Dialer } from '../../outbound/dialer.ts';
import type { ReportedOutcome } from '../../protocol/link/agent-v1.ts';

export interface Call<W> {
  readonly work: W;
  /** In clear, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** How strange machines are reached, and which. */
  readonly reach: Omit<Dialer, 'words'>;
  /** Aborts when it is to end: at its deadline, by a cancel, or because the worker stops. Whoever aborts it tells the end. */
  readonly signal: AbortSignal;
  /** A connection is there that may be spoken to: from here on it may do its work. */
  begun(): void;
  /** What it says, in order; waits until it is kept. */
  output(stream: 1 | 2, bytes: Uint8Array): Promise<void>;
}

export interface CallEnd {
  readonly outcome: Extract<ReportedOutcome, { kind: 'answered' }>;
  /** For people. It is not masked: nothing that the far end has said may stand in it. */
  readonly detail?: string;
  readonly values?: FoundValues;
}

/**
 * Rejects with a DroverError where there is no whole answer: its code is the reason, its detail is told to people and not masked. Before
 * `begun` the codes in `REFUSALS` say that nothing was done.
 */
export type MakeCall<W> = (call: Call<W>) => Promise<CallEnd>;
