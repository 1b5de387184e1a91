/**
 * Hosts of a step that are chosen when its turn has come: those of a step before it on which that came to something, or told something.
 * What they are chosen from is frozen when the run is made. Pure.
 */
import type { HostId } from '../../base/ids.ts';
import type { ExecutionState } from '../crew/execution-machine.ts';
import { testOf, type Expression, type Value } from '../expression/expression.ts';
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

/** Places in the frozen list. A host of which the step knows nothing is none. */
export function chosenPlaces(
  { expression }: Pick<ChosenHosts, 'expression'>,
  subjects: readonly Subject[],
  outcomes: ReadonlyMap<HostId, HostOutcome>,
): number[] {
  const isMet = testOf(expression);
  return subjects.flatMap((subject, place) => {
    const host = hostOf(subject);
    const outcome = host && outcomes.get(host.id);
    return outcome && isMet((ref) => valueOf(ref, outcome)) ? [place] : [];
  });
}

function valueOf(ref: HostRef, { state, values }: HostOutcome): Value | undefined {
  if (ref.of === 'given') return ref.value;
  if (ref.of === 'host') return ref.state === 'hosts' || ref.state === state;
  const text = values && Object.hasOwn(values, ref.output) ? values[ref.output]! : undefined;
  if (text === undefined) return undefined;
  const read = typed(ref.output, ref.type, { host: '', values: { [ref.output]: text } });
  return 'fault' in read ? undefined : read.value;
}
