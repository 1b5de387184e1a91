/** Why a task whose turn has come can be begun on none of its hosts. Pure. */
import type { Unreached } from '../crew/crew-options.ts';
import type { PlannedTask } from './plan.ts';
import { fillFault, type ToldBefore } from './work-fills.ts';

interface Known extends ToldBefore {
  /** Of the choice of its hosts or items, once that was tried. */
  readonly choiceFault: () => string | undefined;
}

/**
 * Undefined for one that is always fit. What steps before it have told stays while its turn lasts, so it is measured once for each round.
 */
export function unfitBy(
  { fills = [], chooses, each }: Pick<PlannedTask, 'fills' | 'chooses' | 'each'>,
  { choiceFault, ...told }: Known,
): (() => Unreached | undefined) | undefined {
  if (fills.length === 0 && !chooses && !each) return undefined;
  let measured: { readonly fault: Unreached | undefined } | undefined;
  return () => {
    const detail = choiceFault();
    if (detail !== undefined) return { reason: 'bad-input', detail };
    return (measured ??= { fault: fillFault(fills, told) }).fault;
  };
}
