import { describe, expect, it } from 'vitest';
import { plainSpec } from '../../test/support/run-spec.ts';
import { jobLimits } from '../base/job-limits.ts';
import { batchesFault } from './run-rollout.ts';

describe('batches of a run', () => {
  it('are refused beyond a thousand, with the hosts that it has', () => {
    const { policy } = plainSpec({ policy: { batches: [{ kind: 'count', count: 1 }] } });
    expect(batchesFault(policy, jobLimits.batchesMax)).toBeUndefined();
    expect(batchesFault(policy, jobLimits.batchesMax + 1)).toMatchObject({ code: 'too-many-batches' });
  });
});
