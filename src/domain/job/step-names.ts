/** Steps of a job by their names: `STAGE.STEP`, or `STEP` alone, which is that of the same stage, or the only one in the job. Pure. */
import { meantText, nearest } from '../../base/nearest.ts';
import { typesOf, type OutputReducer, type OutputType } from '../run/step-outputs.ts';
import { quoted } from './job-fault.ts';
import type { JobDefinition } from './job-shape.ts';
import type { StepPlace } from './step-references.ts';

export interface NamedStep extends StepPlace {
  readonly stageName: string | undefined;
  readonly stepName: string | undefined;
  readonly outputs: ReadonlyMap<string, OutputType>;
  /** How each of its outputs is drawn together. */
  readonly drawn: ReadonlyMap<string, OutputReducer>;
}

export type FoundStep =
  | { readonly ok: true; readonly step: NamedStep }
  | { readonly ok: false; readonly code: 'job-expression' | 'job-reference-unknown'; readonly detail: () => string };

export class StepNames {
  /** Of each name two at most: by more it is no less clear whose it is. */
  readonly #byFull = new Map<string, NamedStep[]>();
  readonly #byBare = new Map<string, NamedStep[]>();
  /** By the place of a stage and the bare name. */
  readonly #ofStage = new Map<string, NamedStep[]>();

  constructor(steps: Iterable<NamedStep>) {
    for (const step of steps) {
      if (step.stepName === undefined) continue;
      add(this.#byBare, step.stepName, step);
      add(this.#ofStage, `${step.stage} ${step.stepName}`, step);
      if (step.stageName !== undefined) add(this.#byFull, `${step.stageName}.${step.stepName}`, step);
    }
  }

  /** `stage`: in which the name stands. */
  find(name: string, stage: number): FoundStep {
    const bare = this.#ofStage.get(`${stage} ${name}`) ?? this.#byBare.get(name) ?? [];
    const [found, other] = new Set([...(this.#byFull.get(name) ?? []), ...bare]);
    if (found && !other) return { ok: true, step: found };
    if (found)
      return {
        ok: false,
        code: 'job-expression',
        detail: () => `${quoted(name)} may be either of two steps: write STAGE.STEP, or give one of them another name.`,
      };
    return {
      ok: false,
      code: 'job-reference-unknown',
      detail: () => {
        const names = name.includes('.') ? [...this.#byFull.keys()] : [...this.#byBare.keys()];
        return `There is no step ${quoted(name)}.${meantText(nearest(name, names))}`;
      },
    };
  }
}

function add(map: Map<string, NamedStep[]>, name: string, step: NamedStep): void {
  const known = map.get(name);
  if (known && known.length < 2) known.push(step);
  else if (!known) map.set(name, [step]);
}

/** Of a job that is sound. */
export function stepNamesOf({ stages }: JobDefinition): StepNames {
  return new StepNames(
    stages.flatMap(({ stage: stageName, steps }, stage) =>
      steps.map(({ step: stepName, outputs = [] }, step) => ({
        stage,
        step,
        stageName,
        stepName,
        outputs: new Map(outputs.map(({ name, from = 'same', type = typesOf(from)[0]! }) => [name, type])),
        drawn: new Map(outputs.map(({ name, from = 'same' }) => [name, from])),
      })),
    ),
  );
}
