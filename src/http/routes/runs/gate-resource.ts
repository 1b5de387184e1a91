/** A step that waits for people or for a time, as the API shows it. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { peopleFor } from '../../../domain/gate/approval.ts';
import { isGate } from '../../../domain/work/work.ts';
import type * as detail from '../../../protocol/rest/run-detail.ts';
import type { TaskRecord } from '../../../store/contract/run.ts';
import { instant } from '../instant.ts';

type Step = z.infer<typeof detail.RunStep>;

export function gateResource({ spec: { work }, gate, approvals = [] }: TaskRecord): Pick<Step, 'approval' | 'wait'> {
  if (!isGate(work)) return {};
  const since = given({
    since: instant(gate?.sinceMs),
    until: instant(gate?.dueMs),
    because: gate?.because,
  });
  if (work.kind === 'wait') return { wait: { ...since, forMs: work.ms } };
  const { message, count, by, notByStarter, timeoutMs, onTimeout } = work;
  return {
    approval: {
      message: gate?.message ?? message,
      count,
      notByStarter,
      onTimeout,
      asks: gate?.phase === 'asking',
      approvals: peopleFor(approvals),
      answers: approvals.map((one) => ({
        yes: one.isYes,
        by: one.by.name,
        reason: one.reason,
        at: instant(one.atMs),
      })),
      ...since,
      ...given({ by: by && [...by], timeoutMs }),
    },
  };
}
