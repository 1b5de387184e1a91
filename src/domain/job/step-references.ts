/**
 * Which steps a step may speak of: those that have succeeded for certain when it begins, whatever happens before. So an output of theirs
 * is there, and what stands in its place is never nothing. A step has succeeded for certain before another if the other needs it, step by
 * step or stage by stage, by no rule that lets something else be enough, and it may not fail and let others go on. Pure.
 */
import { OUTPUT_REDUCERS, OUTPUT_TYPES, typesOf, type OutputReducer, type OutputType } from '../run/step-outputs.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import { neededIndexes } from './graph.ts';
import { readStageWhen } from './stage-when.ts';

export interface StepPlace {
  readonly stage: number;
  readonly step: number;
}

export interface KnownStep extends StepPlace {
  /** `STAGE.STEP`, as expressions say it. */
  readonly name: string;
  readonly stageName: string | undefined;
  readonly stepName: string | undefined;
  readonly outputs: ReadonlyMap<string, OutputType>;
  readonly drawn: ReadonlyMap<string, OutputReducer>;
}

interface Stage {
  readonly needs: readonly number[];
  /** By no other rule it is certain that what it needs has succeeded. */
  readonly isStrict: boolean;
  /** It begins when all that it needs is over, and not before. */
  readonly waitsForAll: boolean;
  readonly isFinally: boolean;
  /** It has a condition. */
  readonly mayBePassed: boolean;
  /** `mayFail`: what needs it goes on though it has not succeeded. */
  readonly steps: readonly { readonly needs: readonly number[]; readonly mayFail: boolean }[];
}

export class StepReferences {
  readonly #stages: readonly Stage[];
  readonly #byName = new Map<string, KnownStep[]>();
  /** Of each stage, those that have succeeded for certain before it. */
  #before: readonly PlaceSet[] | undefined;
  /** And those that are over. */
  #over: readonly PlaceSet[] | undefined;
  /** By stage, of each of its steps. */
  readonly #beforeStep = new Map<number, readonly PlaceSet[]>();
  readonly #overBeforeStep = new Map<number, readonly PlaceSet[]>();

  constructor(tree: TreeNode) {
    const stages = itemsOf(entriesOf(tree).get('stages')?.node).map(entriesOf);
    const names = stages.map((stage) => ({
      name: textOf(stage.get('stage')?.node),
      needs: needsOf(stage.get('needs')?.node),
      isFinally: stage.get('finally')?.node.value === true,
    }));
    const needed = neededIndexes(names);
    this.#stages = stages.map((stage, at): Stage => {
      const steps = itemsOf(stage.get('steps')?.node).map(entriesOf);
      const own = neededIndexes(
        steps.map((step) => ({ name: textOf(step.get('step')?.node), needs: needsOf(step.get('needs')?.node) })),
      );
      for (const [i, step] of steps.entries()) {
        const [stageName, stepName] = [names[at]!.name, textOf(step.get('step')?.node)];
        const name = `${stageName}.${stepName}`;
        const outputs = outputsOf(step.get('outputs')?.node);
        const drawn = drawnOf(step.get('outputs')?.node);
        const known = { stage: at, step: i, name, stageName, stepName, outputs, drawn };
        this.#byName.set(name, [...(this.#byName.get(name) ?? []), known]);
      }
      const { isFinally } = names[at]!;
      const when = stage.get('when')?.node.value;
      const { join = 'all-succeeded', condition } = typeof when === 'string' ? readStageWhen(when) : {};
      return {
        needs: needed[at]!,
        isFinally,
        isStrict: !isFinally && join === 'all-succeeded',
        waitsForAll: isFinally || join.startsWith('all-') || needed[at]!.length === 1,
        mayBePassed: condition !== undefined,
        steps: steps.map((step, i) => ({
          needs: own[i]!,
          mayFail: step.get('on_failure')?.node.value === 'continue' || step.has('when'),
        })),
      };
    });
  }

  get all(): readonly KnownStep[] {
    return [...this.#byName.values()].flat();
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** Several where names hold points and what is said may be either. */
  named(name: string): readonly KnownStep[] {
    return this.#byName.get(name) ?? [];
  }

  isCertainBefore(one: StepPlace, other: StepPlace): boolean {
    if (one.stage === other.stage)
      return one.step !== other.step && this.#ofSteps(one.stage)[other.step]!.has(one.step);
    this.#before ??= closed(
      this.#stages.map(({ needs, isStrict }) => (isStrict ? needs : [])),
      (at) => !this.#stages[at]!.mayBePassed,
    );
    return !this.#stages[one.stage]!.steps[one.step]!.mayFail && this.#before[other.stage]!.has(one.stage);
  }

  /**
   * Whether a step, or a whole stage, has ended for certain, well or not, when another step or stage has its turn: so that what it has come
   * to can be asked then.
   */
  isOverBefore(
    one: { readonly stage: number; readonly step?: number },
    other: { readonly stage: number; readonly step?: number },
  ): boolean {
    if (one.stage === other.stage) {
      if (one.step === undefined || other.step === undefined || one.step === other.step) return false;
      const known =
        this.#overBeforeStep.get(one.stage) ??
        closed(
          this.#stages[one.stage]!.steps.map(({ needs }) => needs),
          () => true,
        );
      this.#overBeforeStep.set(one.stage, known);
      return known[other.step]!.has(one.step);
    }
    if (this.#stages[other.stage]!.isFinally && !this.#stages[one.stage]!.isFinally) return true;
    this.#over ??= closed(
      this.#stages.map(({ needs, waitsForAll }) => (waitsForAll ? needs : [])),
      () => true,
    );
    return this.#over[other.stage]!.has(one.stage);
  }

  #ofSteps(stage: number): readonly PlaceSet[] {
    const known = this.#beforeStep.get(stage);
    if (known) return known;
    const { steps } = this.#stages[stage]!;
    const made = closed(
      steps.map(({ needs }) => needs),
      (step) => !steps[step]!.mayFail,
    );
    this.#beforeStep.set(stage, made);
    return made;
  }
}

/** Of each, all that it needs, and what those need, as far as it counts; of a circle some. By hand, for a chain may be long. */
function closed(needs: readonly (readonly number[])[], counts: (at: number) => boolean): readonly PlaceSet[] {
  const sets = needs.map(() => new PlaceSet(needs.length));
  const begun = new Uint8Array(needs.length);
  for (let start = 0; start < needs.length; start++) {
    if (begun[start] === 1) continue;
    const way = [{ at: start, next: 0 }];
    begun[start] = 1;
    for (let here = way.at(-1); here !== undefined; here = way.at(-1)) {
      const need = needs[here.at]![here.next++];
      if (need === undefined) {
        for (const one of needs[here.at]!) sets[here.at]!.addAll(sets[one]!, counts(one) ? one : undefined);
        way.pop();
      } else if (begun[need] === 0) {
        begun[need] = 1;
        way.push({ at: need, next: 0 });
      }
    }
  }
  return sets;
}

/** Places up to a number, a bit each: of a thousand stages that all need each other there are half a million. */
class PlaceSet {
  readonly #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  has(place: number): boolean {
    return ((this.#words[place >> 5]! >>> (place & 31)) & 1) === 1;
  }

  addAll(other: PlaceSet, more: number | undefined): void {
    for (let at = 0; at < this.#words.length; at++) this.#words[at]! |= other.#words[at]!;
    if (more !== undefined) this.#words[more >> 5]! |= 1 << (more & 31);
  }
}

function textOf(node: TreeNode | undefined): string | undefined {
  return typeof node?.value === 'string' ? node.value : undefined;
}

function needsOf(node: TreeNode | undefined): string[] | undefined {
  return Array.isArray(node?.value) ? itemsOf(node).flatMap((one) => textOf(one) ?? []) : undefined;
}

function drawnOf(node: TreeNode | undefined): Map<string, OutputReducer> {
  return new Map(
    itemsOf(node).flatMap((output) => {
      const entries = entriesOf(output);
      const name = textOf(entries.get('name')?.node);
      const from = OUTPUT_REDUCERS.find((one) => one === entries.get('from')?.node.value) ?? 'same';
      return name === undefined ? [] : [[name, from] as const];
    }),
  );
}

function outputsOf(node: TreeNode | undefined): Map<string, OutputType> {
  return new Map(
    itemsOf(node).flatMap((output) => {
      const entries = entriesOf(output);
      const name = textOf(entries.get('name')?.node);
      const from = OUTPUT_REDUCERS.find((one) => one === entries.get('from')?.node.value) ?? 'same';
      const type = OUTPUT_TYPES.find((one) => one === entries.get('type')?.node.value) ?? typesOf(from)[0]!;
      return name === undefined ? [] : [[name, type] as const];
    }),
  );
}
