/** By which way a run reaches its hosts, and as whom it works there. Which hosts these are is frozen in rows of their own. */
import type { AccountId } from '../../base/ids.ts';

export const VIAS = ['auto', 'agent', 'ssh'] as const;
export type Via = (typeof VIAS)[number];

export interface Placement {
  /** The live agent, else SSH (`auto`), or one of them only. */
  readonly via: Via;
  /** The managed account to run as, whichever way leads to the host; undefined: the host's own, or the default of its scope. */
  readonly account?: AccountId;
  /** User on the host that an agent runs it as; undefined: the agent's own. */
  readonly user?: string;
  /** What the environment begins as; undefined: clean. */
  readonly environment?: 'clean' | 'login' | 'agent';
}
