/** Starts an upgrade of agents: the package must be there and whole, the hosts are frozen; a loop carries it out batch by batch. */
import { DroverError } from '../base/errors.ts';
import { newRunId } from '../base/ids.ts';
import type { UpgradeRecord } from '../store/contract/upgrade.ts';
import type { AgentPackages } from './agent-packages.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { expandTargets } from './run-start.ts';

export interface UpgradeStartInput {
  readonly targets: string;
  readonly version?: string | undefined;
  readonly batch: number;
  readonly maxFailed: number;
  readonly waitMs: number;
}

export async function upgradeStart(
  ctx: AppContext & { readonly packages: AgentPackages },
  caller: Caller,
  input: UpgradeStartInput,
): Promise<UpgradeRecord> {
  assertCan(caller, 'fleet.agent.upgrade');
  const { version } = await ctx.packages.choose(input.version);
  const { hosts, fault } = await expandTargets(ctx, input.targets);
  if (fault) throw new DroverError(fault.code, { detail: fault.detail, faults: [fault] });
  // A UUID v7 like a run's: upgrades list by age.
  const id: string = newRunId(ctx.clock.nowMs());
  const answer = await ctx.store.upgradeCreate(
    {
      id,
      version,
      targets: input.targets,
      createdBy: caller.actor,
      batch: input.batch,
      maxFailed: input.maxFailed,
      waitMs: input.waitMs,
      hosts,
    },
    auditOf(caller, 'fleet.agent.upgrade', `upgrade/${id}`, {
      version,
      targets: input.targets,
      hosts: hosts.length,
      batch: input.batch,
      maxFailed: input.maxFailed,
    }),
  );
  if (answer.kind === 'no-agent')
    throw new DroverError('no-target-matched', {
      detail: `None of the hosts that match ${input.targets} has an agent. See: drover hosts list; drover agents install.`,
    });
  if (answer.kind === 'in-progress')
    throw new DroverError('upgrade-in-progress', {
      detail: `The agent of ${answer.host} is in an upgrade that has not ended. See: drover agents upgrades.`,
    });
  return answer.upgrade;
}
