/** Runs of all kinds, as a seed draws them. */
import { given } from '../../src/base/given.ts';
import { JOIN_RULES } from '../../src/domain/flow/join.ts';
import { parseBatches, type BatchSize, type ParsedBatches } from '../../src/domain/rollout/batches.ts';
import type { RolloutPolicy } from '../../src/domain/rollout/rollout.ts';
import type { ChosenHosts } from '../../src/domain/run/chosen-hosts.ts';
import type { Condition, ConditionRef } from '../../src/domain/run/conditions.ts';
import type { PlannedStage, PlannedTask, RunPlan } from '../../src/domain/run/plan.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import type { GateWork } from '../../src/domain/work/work.ts';
import { plainSpec } from '../support/run-spec.ts';
import type { Simulation } from './simulation.ts';

export function newRunSpec(sim: Simulation, isPlain: boolean): RunSpec {
  const { policy, ...spec } = plainSpec({
    policy: {
      timeoutMs: isPlain ? 120_000 : Math.round(sim.pick([2_000, 20_000, 120_000])),
      killAfterMs: 1_000,
      startDeadlineMs: isPlain ? 60_000 : sim.pick([5_000, 30_000, 60_000]),
      lostAfterMs: isPlain ? 60_000 : sim.pick([5_000, 20_000, 60_000]),
      retries: isPlain ? 0 : sim.pick([0, 0, 1, 3]),
      outputKeptBytes: 4 << 20,
      priority: sim.pick(['low', 'normal', 'high'] as const),
      ...given({
        concurrency: !isPlain && sim.chance(0.3) ? 1 + sim.below(3) : undefined,
        maxFailed: !isPlain && sim.chance(0.2) ? { kind: 'count' as const, count: sim.below(3) } : undefined,
        ...newBatches(sim, isPlain),
      }),
    },
  });
  // Not drawn: a seed that found something is to find it again.
  return { ...spec, policy: { ...policy, success: { exitCodes: policy.retries === 1 ? [0, 3] : [0] } } };
}

/** By its place and what was drawn for it: people who are asked, and time that passes, in the middle of longer runs. */
export function gateAt(task: number, { policy: { retries } }: RunSpec): GateWork | undefined {
  if (task === 4) return { kind: 'wait', ms: 3_000 };
  if (!isGateAt(task)) return undefined;
  const onTimeout = retries === 1 ? 'continue' : 'fail';
  const timeout = retries > 0 ? { timeoutMs: 8_000 } : {};
  return { kind: 'approval', message: 'Go?', count: retries === 3 ? 2 : 1, notByStarter: false, onTimeout, ...timeout };
}

function isGateAt(task: number): boolean {
  return task === 3 || task === 4;
}

/** By its place, so that no chance is drawn for it: scripts of the simulator tell `attempt` and `sum`, or nothing. */
function declaredBy(place: number): PlannedTask['outputs'] {
  if (place % 3 === 0) return [{ name: 'sum', type: 'number', from: 'sum' }];
  return place % 3 === 1 ? [{ name: 'attempt', type: 'string', from: 'first' }] : undefined;
}

const BATCHES = ['1 all', '1 2', '50%', '1 *2'].map(parseBatches);

/** Of most runs none. */
function newBatches(sim: Simulation, isPlain: boolean): Partial<RolloutPolicy> {
  if (isPlain || !sim.chance(0.3)) return {};
  return {
    batches: batchesOf(sim.pick(BATCHES)),
    ...given({
      between: sim.pick([undefined, { kind: 'ask' as const }, { kind: 'wait' as const, ms: 3_000 }]),
      batchMaxFailed: sim.chance(0.3) ? { kind: 'count' as const, count: 0 } : undefined,
      onMaxFailed: sim.pick([undefined, 'abort', 'pause'] as const),
    }),
  };
}

function batchesOf(parsed: ParsedBatches): readonly BatchSize[] {
  return parsed.ok ? parsed.batches : [];
}

/** Up to three stages of up to two steps, and now and then one that comes finally. */
export function newPlan(sim: Simulation): RunPlan {
  const stages: PlannedStage[] = [];
  let task = 0;
  for (let at = 0, count = 1 + sim.below(3); at < count; at++) {
    const isFinally = at > 0 && at === count - 1 && sim.chance(0.3);
    const needs = isFinally ? [] : stages.flatMap((_, place) => (place === at - 1 || sim.chance(0.2) ? [place] : []));
    const tasks: PlannedTask[] = [];
    for (let step = 0, steps = 1 + sim.below(2); step < steps; step++)
      tasks.push({
        task,
        name: `step-${task++}`,
        needs: step > 0 && sim.chance(0.5) ? [task - 2] : [],
        goesOn: sim.chance(0.2),
        ...given({ outputs: isGateAt(task - 1) ? undefined : declaredBy(step + at) }),
      });
    const join = isFinally ? 'all-done' : at === 0 || sim.chance(0.6) ? 'all-succeeded' : sim.pick(JOIN_RULES);
    stages.push({ name: `stage-${at}`, needs, join, isFinally, tasks });
  }
  return stages.map((stage, at) => withConditions(stage, at, stages));
}

/** By their places, so that no chance is drawn for them: of some what came before decides whether they have their turn. */
function withConditions(stage: PlannedStage, at: number, stages: readonly PlannedStage[]): PlannedStage {
  const before =
    stage.isFinally || (stage.join.startsWith('all-') && stage.needs.includes(at - 1)) ? stages[at - 1] : undefined;
  const of = before?.tasks[0];
  if (!of) return stage;
  const compared = (ref: ConditionRef, operator: '==' | '>' | '<', value: string | number): Condition => ({
    text: `${ref.of} ${operator} ${value}`,
    expression: {
      kind: 'compare',
      operator,
      left: { kind: 'ref', name: ref.of, ref },
      right: { kind: 'literal', value },
    },
  });
  const when =
    of.task % 2 === 0
      ? compared({ of: 'count', task: of.task, state: 'succeeded' }, '>', 1)
      : compared({ of: 'state', task: of.task }, '==', 'succeeded');
  const own = of.outputs?.[0]?.name === 'sum' ? compared({ of: 'output', task: of.task, output: 'sum' }, '<', 3) : when;
  const chooses: ChosenHosts = {
    text: 'hosts',
    task: of.task,
    expression: { kind: 'not', operand: { kind: 'ref', name: 'failed', ref: { of: 'host', state: 'failed' } } },
  };
  return {
    ...stage,
    ...given(of.task % 3 === 1 ? { isConditional: true, when } : {}),
    tasks: stage.tasks.map((task, place) =>
      place === 0 && of.task % 3 === 2 && !isGateAt(task.task) && !isGateAt(of.task)
        ? { ...task, isConditional: true, chooses }
        : place === 0 && of.task % 3 === 0
          ? { ...task, isConditional: true, when: own }
          : task,
    ),
  };
}
