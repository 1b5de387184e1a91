/** What an approval asks, once its turn has come: outputs of steps before it stand in it. Pure. */
import { fillFault, filledMessage, type ToldBefore, type WorkFill } from '../run/work-fills.ts';
import { messageFault } from '../work/approval.ts';
import type { GateWork } from '../work/work.ts';
import type { GateMessage } from './gate-position.ts';

export function gateMessage(work: GateWork, fills: readonly WorkFill[], told: ToldBefore): GateMessage {
  if (work.kind !== 'approval') return { text: '' };
  // Measured before it is made: what hosts tell is theirs to choose.
  const unfit = fillFault(fills, told);
  if (unfit) return { fault: unfit.detail };
  const text = filledMessage(work, fills, told.outputOf);
  const fault = messageFault(text);
  return fault === undefined ? { text } : { fault: `With the outputs of steps before it: ${fault}` };
}
