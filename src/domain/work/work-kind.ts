/** What a kind of work brings with it. A kind is a file in this folder and a line in `work.ts`. */
import type { InputFault } from '../../base/errors.ts';
import type { CallText } from './call-text.ts';

/** What the limits of a work may depend on beyond the work itself. */
export interface WorkSetting {
  /** By name, in clear: held for as long as the asking takes, and never a part of the work. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What the environment begins as; undefined: clean. */
  readonly environment?: 'clean' | 'login' | 'agent';
}

export type StoredFields = Readonly<Record<string, unknown>>;

export interface WorkKind<W extends { readonly kind: string }> {
  /**
   * Of the stored form that is written, in the database and in orders. Earlier ones are read for as long as a run of
   * theirs may be kept.
   */
  readonly version: number;
  /** What is kept beside version and kind: fields in one order and nothing that is absent, so that equal work is equal bytes. */
  stored(work: W): StoredFields;
  /** Undefined for a version that this program does not know. */
  read(version: number, fields: StoredFields): W | undefined;
  /** That it takes in memory, about. */
  bytes(work: W): number;
  /** What of it cannot be carried out anywhere, each with its place in the body of a request; all at once. */
  faults(work: W, setting: WorkSetting): InputFault[];
}

/** Of work that a worker does itself, without a process: a call over the network. */
export interface CallWorkKind<W extends { readonly kind: string }> extends WorkKind<W> {
  /** All of its texts that may have late places. */
  texts(work: W): readonly CallText[];
  /** The same work with each of them replaced. */
  withTexts(work: W, put: (text: CallText) => CallText): W;
}
