/**
 * Hosts of a step that are chosen when its turn has come: those of a step before it on which that came to something, or told something.
 * What they are chosen from is frozen when the run is made. Pure.
 */
import type { HostId } from '../../base/ids.ts';
import type { ExecutionState } from '../crew/execution-machine.ts';
import { TooMuchCompared, WorkBudget } from '../expression/comparison-work.ts';
import { foldedOf, testOf, type Expression, type Value } from '../expression/expression.ts';
import type { CountedState } from './counted-states.ts';
import { typed, type OutputType } from './step-outputs.ts';
import { hostOf, type Subject } from './subject.ts';

/** Of one host of the step that is spoken of. */
export type HostRef =
  | { readonly of: 'given'; readonly value?: Value }
  /** `hosts`: that it is one of its hosts. */
  | { readonly of: 'host'; readonly state: CountedState | 'hosts' }
  | { readonly of: 'value'; readonly output: string; readonly type: OutputType };

export interface ChosenHosts {
  /** As the job says it. */
  readonly text: string;
  /** Whose hosts they are. It is over for certain before. */
  readonly task: number;
  readonly expression: Expression<HostRef>;
}

/** How a host of a step has ended there, and what it has told of declared outputs. */
export interface HostOutcome {
  readonly state: ExecutionState;
  readonly values?: Readonly<Record<string, string>>;
}

/** Why hosts cannot be chosen: they and what they told are too much to compare. */
export interface ChoiceFault {
  readonly fault: string;
}

/**
 * Places in the frozen list. A host of which the step knows nothing is none. What is the same for all hosts is decided once; the rest is
 * held against each, as far as the budget goes, which all choices of a run share.
 */
export function chosenPlaces(
  { expression, text }: Pick<ChosenHosts, 'expression' | 'text'>,
  subjects: readonly Subject[],
  outcomes: ReadonlyMap<HostId, HostOutcome>,
  { spend }: Pick<WorkBudget, 'spend'> = new WorkBudget(),
): number[] | ChoiceFault {
  const ofAll = foldedOf(
    expression,
    (ref) => ref.of === 'given',
    (ref) => (ref.of === 'given' ? ref.value : undefined),
  );
  const isMet = testOf(ofAll, spend);
  try {
    return subjects.flatMap((subject, place) => {
      const host = hostOf(subject);
      const outcome = host && outcomes.get(host.id);
      return outcome && isMet((ref) => valueOf(ref, outcome, spend)) ? [place] : [];
    });
  } catch (error) {
    if (!(error instanceof TooMuchCompared)) throw error;
    return {
      fault:
        `Choosing its hosts by ${text.slice(0, TEXT_SHOWN_MAX)} compares more than a run may: ` +
        'values, patterns or hosts are too many, or too long.',
    };
  }
}

/** Of an expression that is told. */
const TEXT_SHOWN_MAX = 200;

function valueOf(ref: HostRef, { state, values }: HostOutcome, spend: WorkBudget['spend']): Value | undefined {
  if (ref.of === 'given') return ref.value;
  if (ref.of === 'host') return ref.state === 'hosts' || ref.state === state;
  const text = values && Object.hasOwn(values, ref.output) ? values[ref.output]! : undefined;
  if (text === undefined) return undefined;
  spend(text.length);
  const read = typed(ref.output, ref.type, { host: '', values: { [ref.output]: text } });
  return 'fault' in read ? undefined : read.value;
}
