/** What a task is done to, where that is asked of steps before it when its turn has come: as its plan says it, and as it is decided. */
import type { ChosenHosts } from './chosen-hosts.ts';
import type { OutputOfTask } from './work-fills.ts';

/** One of them, or neither. */
export interface AskedSubjects {
  readonly chooses?: ChosenHosts;
  /** It is done once for each item that this tells. */
  readonly each?: OutputOfTask;
}

/** Places in the frozen list of its hosts, or items; neither where it goes to all that it was made with. */
export interface TurnChoice {
  readonly places?: readonly number[];
  readonly items?: readonly string[];
}
