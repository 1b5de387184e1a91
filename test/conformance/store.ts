/** What every store must do of what owner, fleet and the creation of runs use, noun by noun. `make` gives a store on empty tables, and the means that only its tables have. */
import { afterAll, beforeAll } from 'vitest';
import { agentConformance } from './store/agent.ts';
import { executionConformance } from './store/execution.ts';
import { hintConformance } from './store/hint.ts';
import { hostConformance } from './store/host.ts';
import { leaseConformance } from './store/lease.ts';
import { outputValueConformance } from './store/output-value.ts';
import { noticeConformance } from './store/notice.ts';
import { outputConformance } from './store/output.ts';
import { ownerCommitConformance } from './store/owner-commit.ts';
import { runConformance } from './store/run.ts';
import { approvalConformance } from './store/approval.ts';
import { taskConformance } from './store/task.ts';
import { workerConformance } from './store/worker.ts';
import type { StoreWorld } from './store-world.ts';

export function storeConformance(make: () => Promise<StoreWorld>): void {
  let world: StoreWorld;
  beforeAll(async () => {
    world = await make();
  });
  afterAll(() => world.end());

  runConformance(() => world);
  taskConformance(() => world);
  approvalConformance(() => world);
  executionConformance(() => world);
  outputConformance(() => world);
  outputValueConformance(() => world);
  noticeConformance(() => world);
  ownerCommitConformance(() => world);
  leaseConformance(() => world);
  agentConformance(() => world);
  hostConformance(() => world);
  workerConformance(() => world);
  hintConformance(() => world);
}
