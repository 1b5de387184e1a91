/** What an approval asks, once its turn has come: outputs of steps before it stand in it. Pure. */
import { fillFault, filledMessage, type OutputOfTask, type WorkFill } from '../run/work-fills.ts';
import type { StepOutput } from '../run/step-outputs.ts';
import { messageFault } from '../work/approval.ts';
import type { GateWork } from '../work/work.ts';
import type { GateMessage } from './gate-position.ts';

export function gateMessage(
  work: GateWork,
  fills: readonly WorkFill[],
  outputOf: (ref: OutputOfTask) => StepOutput | undefined,
): GateMessage {
  if (work.kind !== 'approval') return { text: '' };
  // Measured before it is made: what hosts tell is theirs to choose.
  const unfit = fillFault(fills, outputOf);
  if (unfit) return { fault: unfit.detail };
  const text = filledMessage(work, fills, outputOf);
  const fault = messageFault(text);
  return fault === undefined ? { text } : { fault: `With the outputs of steps before it: ${fault}` };
}
