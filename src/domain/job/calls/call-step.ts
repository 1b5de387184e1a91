/** What a kind of call brings with it as a step of a job. A kind is a file in this folder and a line in `call-steps.ts`. */
import type { z } from 'zod';
import type { CallText } from '../../work/call-text.ts';
import type { CallWork } from '../../work/work.ts';
import type { TreeNode } from '../document-tree.ts';

export interface CallStep<Said, W extends CallWork> {
  /** Of what stands under its key in a step. */
  readonly shape: z.ZodType<Said>;
  /** Texts in it that may hold expressions. Something else of it may be wrong. */
  texts(node: TreeNode): readonly TreeNode[];
  /** What is wrong with it that neither its shape nor its work says. */
  faults(node: TreeNode): readonly { readonly at: number; readonly detail: string }[];
  /** Names of the output values that it may tell. */
  tells(node: TreeNode): readonly string[];
  work(said: Said, filled: FillCallText): W;
}

/**
 * Makes of a text with expressions its parts. `asAddress`: it says where to call; where it begins with a parameter whose value is not known
 * yet, this makes of what stands there (`1`, and what the job has behind it) an address that it may be.
 */
export type FillCallText = (text: string, asAddress?: (text: string) => string) => CallText;
