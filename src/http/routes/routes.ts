/** Every operation of the API, by noun. */
import type { Operation } from '../operation.ts';
import { accountRoutes } from './accounts/accounts.ts';
import { agentPackageRoutes } from './agents/agent-packages.ts';
import { agentRoutes } from './agents/agents.ts';
import { auditRoutes } from './audit/audit.ts';
import { channelRoutes } from './channels/channels.ts';
import { hostAccessRoutes } from './hosts/host-access.ts';
import { hostKeyRoutes } from './hosts/host-keys.ts';
import { hostRoutes } from './hosts/hosts.ts';
import { twinRoutes } from './hosts/twins.ts';
import { jobRunRoutes } from './jobs/job-runs.ts';
import { jobRoutes } from './jobs/jobs.ts';
import { joinTokenRoutes } from './join-tokens/join-tokens.ts';
import { executionRoutes } from './runs/executions.ts';
import { outputValueRoutes } from './runs/output-values.ts';
import { noticeRoutes } from './notices/notices.ts';
import { runStartRoutes } from './runs/run-start.ts';
import { runStepRoutes } from './runs/run-steps.ts';
import { runRoutes } from './runs/runs.ts';
import { tokenRoutes } from './tokens/tokens.ts';
import { upgradeRoutes } from './upgrades/upgrades.ts';
import { workerRoutes } from './workers/workers.ts';

export const operations: readonly Operation[] = [
  ...runStartRoutes,
  ...runStepRoutes,
  ...runRoutes,
  ...executionRoutes,
  ...outputValueRoutes,
  ...jobRoutes,
  ...jobRunRoutes,
  ...hostRoutes,
  ...hostAccessRoutes,
  ...twinRoutes,
  ...hostKeyRoutes,
  ...agentRoutes,
  ...agentPackageRoutes,
  ...upgradeRoutes,
  ...workerRoutes,
  ...joinTokenRoutes,
  ...tokenRoutes,
  ...accountRoutes,
  ...channelRoutes,
  ...noticeRoutes,
  ...auditRoutes,
];
