/**
 * What a run was asked to be, in three parts that are kept apart: the work, the policy by which it goes about it, and
 * the placement. Wire shapes of the API and of the links are converted to and from this at their edges.
 */
import type { Placement } from '../placement/placement.ts';
import type { Work } from '../work/work.ts';
import type { Policy } from './policy.ts';

export interface RunSpec {
  readonly work: Work;
  readonly policy: Policy;
  readonly placement: Placement;
}
