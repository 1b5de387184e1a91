/** Steps of a job that wait for people or for a time: their shapes, what goes with them, and what they are in the words of the domain. */
import { z } from 'zod';
import { parseDurationMs } from '../../base/duration.ts';
import { gateLimits } from '../../base/gate-limits.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { checked } from '../../shape/checked.ts';
import { duration } from '../../shape/run-fields.ts';
import { lineFault } from '../access/name-rule.ts';
import { ON_TIMEOUT } from '../work/approval.ts';
import type { GateWork } from '../work/work.ts';
import { entriesOf, type TreeEntry } from './document-tree.ts';
import type { JobFaults } from './job-fault.ts';

const ApprovalShape = z.strictObject({
  message: z
    .string()
    .max(gateLimits.approvalMessageBytesMax)
    .describe('What is asked; ${{ params.NAME }} and ${{ steps.STAGE.STEP.outputs.NAME }} are filled in'),
  by: z
    .array(checked(limits.nameLengthMax, lineFault))
    .min(1)
    .max(gateLimits.approvalByMax)
    .optional()
    .describe('Names of the tokens that may answer; left out: all that may answer runs'),
  count: z
    .int()
    .min(1)
    .max(gateLimits.approvalCountMax)
    .optional()
    .describe('So many different tokens have to say yes; default: 1'),
  not_by_starter: z.boolean().optional().describe('Whoever has begun the run may not say yes'),
  timeout: duration(gateLimits.gateMsMax).optional().describe('Left out: it waits for as long as it takes'),
  on_timeout: z.enum(ON_TIMEOUT).optional().describe('What becomes of it when its time is up; default: fail'),
});

const WaitShape = z.strictObject({ for: duration(gateLimits.gateMsMax) });

/** Keys of a step. */
export const gateShapes = {
  approval: ApprovalShape.optional().describe('In place of a script: people have to say yes before it goes on'),
  wait: WaitShape.optional().describe('In place of a script: so much time passes'),
};

export interface GateSaid {
  readonly approval?: z.infer<typeof ApprovalShape> | undefined;
  readonly wait?: z.infer<typeof WaitShape> | undefined;
}

/** Undefined for a step that is carried out. `fill` makes of a text with expressions the text that is meant. */
export function gateWork(
  { approval, wait }: GateSaid,
  fill: (text: string, field: string) => string,
): GateWork | undefined {
  if (approval) {
    const { message, by, count = 1, not_by_starter: notByStarter = false, timeout, on_timeout: onTimeout } = approval;
    return {
      kind: 'approval',
      message: fill(message, 'message'),
      count,
      ...given({ by: by && [...new Set(by)] }),
      notByStarter,
      ...given({ timeoutMs: timeout === undefined ? undefined : parseDurationMs(timeout) }),
      onTimeout: onTimeout ?? 'fail',
    };
  }
  return wait && { kind: 'wait', ms: parseDurationMs(wait.for)! };
}

/** What a step says that waits. */
const BESIDE_GATE = new Set(['step', 'needs', 'when', 'on_failure', 'approval', 'wait']);

/** Which of the two it is, if it is one; what does not go with it is told. */
export function checkGate(entries: ReadonlyMap<string, TreeEntry>, faults: JobFaults): 'approval' | 'wait' | undefined {
  const kind = (['approval', 'wait'] as const).find((key) => entries.has(key));
  if (kind === undefined) return undefined;
  for (const [key, entry] of entries)
    if (!BESIDE_GATE.has(key))
      faults.add(entry.at, 'bad-input', `${key} is for what is carried out somewhere; it does not go with ${kind}.`);
  if (kind === 'approval' && entries.has('wait'))
    faults.add(entries.get('wait')!.at, 'bad-input', 'Give either approval or wait, not both: they are two steps.');
  const own = entriesOf(entries.get('approval')?.node);
  if (own.has('on_timeout') && !own.has('timeout'))
    faults.add(own.get('on_timeout')!.at, 'bad-input', 'on_timeout goes with timeout: without one it never runs out.');
  return kind;
}
