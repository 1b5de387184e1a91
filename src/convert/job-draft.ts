/**
 * A job in the making: work, and what of it comes after what. The text that is made of it stands in job-text.ts. What
 * could not be carried over and would change what is done makes its step refuse to run, with words: a job that was
 * converted in part never does a part in silence.
 */
import type { JoinRule } from '../domain/flow/join.ts';
import type { FilledText } from './filled-text.ts';
import type { Remark } from './conversion.ts';

export interface DraftParameter {
  readonly name: string;
  /** Default: a text. */
  readonly type?: 'number' | 'bool';
  /** Undefined: whoever starts the job has to give it. */
  readonly value?: string;
  readonly help?: string;
}

export interface DraftWork {
  /** One after the other, until one fails. One alone is run without a shell. */
  readonly commands: readonly (readonly FilledText[])[];
  /** In their place: a script as it stands, which nothing is filled into. */
  readonly script?: { readonly text: string; readonly interpreter?: string };
  readonly env?: Readonly<Record<string, FilledText>>;
  readonly cwd?: FilledText;
  readonly user?: FilledText;
  readonly targets?: FilledText;
  readonly via?: 'ssh';
  readonly retries?: number;
  /** As in a job. */
  readonly timeout?: string;
  readonly priority?: string;
}

export interface DraftNode {
  readonly name: string;
  /** Names of other nodes of the draft. */
  readonly needs: readonly string[];
  readonly rule: JoinRule;
  /** Beside the rule: it is passed over where that is not so. */
  readonly condition?: string;
  readonly work: DraftWork;
  readonly continues?: boolean;
  /** As comments at its step. */
  readonly remarks: readonly Remark[];
  /** Of those, what makes it refuse to run: nothing is known that does the same. */
  readonly refusals: readonly Remark[];
}

export interface JobDraft {
  readonly name: string;
  readonly description?: string;
  readonly owner?: string;
  readonly team?: string;
  readonly tags?: readonly string[];
  readonly parameters: readonly DraftParameter[];
  readonly nodes: readonly DraftNode[];
  /** Of the whole. */
  readonly remarks: readonly Remark[];
}
