/**
 * Lists and maps of a job that are longer than they may be, before anything is looked at that stands in them: of forty thousand
 * stages of which each is wrong, each would be judged, and a hundred of their faults told. Pure.
 */
import { callLimits } from '../../base/call-limits.ts';
import { gateLimits } from '../../base/gate-limits.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import type { JobFaults } from './job-fault.ts';

const OF_JOB = {
  tags: jobLimits.jobTagsMax,
  parameters: jobLimits.jobParametersMax,
  stages: jobLimits.jobStagesMax,
} as const;
const OF_STAGE = { needs: jobLimits.jobNeedsMax, steps: jobLimits.jobStepsMax } as const;
const OF_STEP = {
  needs: jobLimits.jobNeedsMax,
  command: limits.argumentsMax,
  args: limits.argumentsMax,
  env: limits.environmentEntriesMax,
  secrets: limits.secretsMax,
  outputs: jobLimits.jobOutputsMax,
} as const;
/** Keys that a map of ours may have: as many as there are, and some that are misspelt. */
const KEYS_MAX = 200;

/** Whether anything is too long: then the rest is not looked at. */
export function checkLengths(tree: TreeNode, faults: JobFaults): boolean {
  const lengths = new Lengths(faults);
  lengths.of(tree, OF_JOB);
  const entries = entriesOf(tree);
  for (const parameter of lengths.rest(entries.get('parameters')?.node))
    lengths.of(parameter, { choices: jobLimits.jobChoicesMax });
  let [steps, approvals] = [0, 0];
  for (const stage of lengths.rest(entries.get('stages')?.node)) {
    lengths.of(stage, OF_STAGE);
    const own = lengths.rest(entriesOf(stage).get('steps')?.node);
    steps += own.length;
    if (steps > jobLimits.jobStepsMax) {
      lengths.fault(stage.at, `The job has more than ${jobLimits.jobStepsMax} steps.`);
      break;
    }
    for (const step of own) {
      if (entriesOf(step).has('approval') && ++approvals === gateLimits.jobApprovalsMax + 1)
        lengths.fault(step.at, `The job has more than ${gateLimits.jobApprovalsMax} approvals.`);
      lengths.of(step, OF_STEP);
      lengths.of(entriesOf(step).get('success')?.node, {
        exit_codes: limits.successExitCodesMax,
        status: callLimits.callStatusesMax,
        rows: callLimits.sqlRowsRangesMax,
      });
      lengths.of(entriesOf(step).get('http')?.node, {
        headers: callLimits.callHeadersMax,
        extract: callLimits.callExtractsMax,
      });
      lengths.of(entriesOf(step).get('sql')?.node, {
        values: callLimits.sqlValuesMax,
        extract: callLimits.callExtractsMax,
        extract_all: callLimits.callExtractsMax,
      });
    }
  }
  return lengths.areBeyond;
}

class Lengths {
  readonly #faults: JobFaults;
  areBeyond = false;

  constructor(faults: JobFaults) {
    this.#faults = faults;
  }

  of(map: TreeNode | undefined, most: Readonly<Record<string, number>>): void {
    const entries = entriesOf(map);
    if (entries.size > KEYS_MAX) this.fault(map!.at, `A map has ${entries.size} keys; ${KEYS_MAX} are read.`);
    for (const [key, max] of Object.entries(most)) {
      const entry = entries.get(key);
      if (entry && lengthOf(entry.node) > max) this.fault(entry.at, `${key}: at most ${max} entries are allowed.`);
    }
  }

  /** Nothing of it where something was too long already. */
  rest(node: TreeNode | undefined): readonly TreeNode[] {
    return this.areBeyond ? [] : itemsOf(node);
  }

  fault(at: number, detail: string): void {
    this.areBeyond = true;
    this.#faults.add(at, 'bad-input', detail);
  }
}

function lengthOf(node: TreeNode): number {
  return node.value instanceof Map ? node.value.size : itemsOf(node).length;
}
