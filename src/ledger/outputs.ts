/**
 * The contract of what keeps the output of attempts until the server has it: masked, head and tail of it, told live
 * while somebody looks on. There are two, for there are two ways in which output comes: into files that scripts write
 * themselves (spooled-outputs.ts), and as bytes that an engine takes in (streamed-outputs.ts).
 */
import type { StreamReport } from '../protocol/link/agent-v1.ts';
import type { ToldValues } from './told-values.ts';

export interface OutputFacts {
  /** Bytes that are kept of each stream, half of them from its end. */
  readonly keptBytes: number;
  /** Never to be seen in it, in whatever form. */
  readonly secrets: readonly string[];
}

export interface OutputRange {
  readonly bytes: Uint8Array;
  /** Of the whole stream. */
  readonly size: number;
  readonly eof: boolean;
}

export interface FinishedOutput extends ToldValues {
  readonly stdout: StreamReport;
  readonly stderr: StreamReport;
  /** Somebody has taken away what was written. */
  readonly isIncomplete?: boolean;
}

/** Live output of a watched attempt, masked, best effort. `offset` counts masked bytes; `skipped` those left out just before. */
export type OnLive = (attempt: string, stream: 1 | 2, offset: number, bytes: Uint8Array, skipped: number) => void;

export interface Outputs {
  /**
   * `reports` of all attempts in the journal; undefined of those that have not ended. `stopping`: what waits for space,
   * waits no longer.
   */
  start(
    reports: ReadonlyMap<string, { readonly report?: FinishedOutput }>,
    onLive: OnLive,
    stopping: AbortSignal,
  ): Promise<void>;
  stop(): Promise<void>;
  /** Before any output. A second time it changes nothing. */
  open(attempt: string, facts: OutputFacts): void;
  watch(attempt: string, on: boolean): void;
  isWatched(attempt: string): boolean;
  /**
   * All that there will be has come: clean and on disk when it resolves. Of what was never opened nothing is told or kept,
   * for nobody knows its secrets. It is called again when it rejects, or when what follows fails.
   */
  finish(attempt: string): Promise<FinishedOutput>;
  /** The end is on disk, with what was told: what of it may hold secrets goes, as far as it is here. Safe to repeat; never rejects. */
  recorded(attempt: string): Promise<void>;
  /** Of a finished attempt; offsets count in the kept bytes, the head and then the tail. */
  readKept(attempt: string, stream: 1 | 2, report: StreamReport, offset: number, length: number): Promise<Uint8Array>;
  /** Of a finished attempt, or one that is forgotten; undefined when it is not (any more) here. */
  readWhole(attempt: string, stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined>;
  forget(attempts: readonly string[]): Promise<void>;
}

/** Whether all that was written is kept. */
export function isWhole({ stdout, stderr }: FinishedOutput): boolean {
  return [stdout, stderr].every(({ size, head, tail }) => head + tail === size);
}
