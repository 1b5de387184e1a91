/**
 * The text of a job, read and looked at as a whole: every fault at once, each with its line, its column, its code, and what was meant. The
 * shape is judged by its schema; what refers to what, expressions and parameters are looked at on the tree, so that they are told though
 * something else is wrong as well. Pure, and in time that grows with the text (document-tree.ts says how).
 */
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { checkLengths } from './check-lengths.ts';
import { checkConditions } from './check-conditions.ts';
import { checkNotify } from './check-notify.ts';
import { checkSteps } from './check-steps.ts';
import { entriesOf, itemsOf, readTree, type TreeNode } from './document-tree.ts';
import { checkStages } from './check-graph.ts';
import { JobFaults, LinePlaces, quoted, type JobFault } from './job-fault.ts';
import { JobShape, type JobDefinition } from './job-shape.ts';
import {
  hasAlwaysValue,
  readParameter,
  typeOf,
  type KnownParameter,
  type Parameter,
  type ParameterType,
} from './parameter.ts';
import { StepReferences } from './step-references.ts';
import { shapeFaults } from './shape-faults.ts';

export type ParsedJob =
  | { readonly ok: true; readonly definition: JobDefinition }
  /** The first hundred by their places, and how many there are. */
  | { readonly ok: false; readonly faults: readonly JobFault[]; readonly faultCount: number };

export function parseJob(text: string): ParsedJob {
  const faults = new JobFaults();
  const places = new LinePlaces(text);
  const refused = (): ParsedJob => ({ ok: false, faults: faults.told(places), faultCount: faults.count });
  if (places.count > jobLimits.jobLinesMax) {
    faults.add(0, 'job-unreadable', `The job has ${places.count} lines; ${jobLimits.jobLinesMax} are allowed.`);
    return refused();
  }
  const tree = readTree(text, faults);
  if (tree === undefined) return refused();
  if (checkLengths(tree, faults)) return refused();
  const plain = plainOf(tree);
  const parsed = JobShape.safeParse(plain);
  if (!parsed.success) shapeFaults(JobShape, tree, parsed.error.issues, faults);
  const broken = new Set(
    parsed.success ? [] : parsed.error.issues.flatMap(({ path }) => path.map((_, i) => path.slice(0, i + 1).join('/'))),
  );
  const isWhole = (path: string): boolean => !broken.has(path);
  const parameters = checkParameters(tree, plain, isWhole, faults);
  checkNotify(tree, isWhole, faults);
  checkStages(tree, faults);
  let known: StepReferences | undefined;
  const references = (): StepReferences => (known ??= new StepReferences(tree));
  checkSteps({ text, tree, plain, isWhole, parameters, references, faults });
  checkConditions({ text, tree, parameters, references, faults });
  return parsed.success && faults.count === 0 ? { ok: true, definition: parsed.data } : refused();
}

/** By name. */
function checkParameters(
  tree: TreeNode,
  plain: unknown,
  isWhole: (path: string) => boolean,
  faults: JobFaults,
): ReadonlyMap<string, KnownParameter> {
  const known = new Map<string, KnownParameter>();
  let room: number = jobLimits.jobPatternStatesMax;
  for (const [i, node] of itemsOf(entriesOf(tree).get('parameters')?.node).entries()) {
    const entries = entriesOf(node);
    const name = entries.get('name')?.node.value;
    if (typeof name !== 'string') continue;
    if (known.has(name)) {
      faults.add(
        entries.get('name')!.node.at,
        'job-name-twice',
        () => `There is a parameter ${quoted(name)} before this one.`,
      );
      continue;
    }
    if (!isWhole(`parameters/${i}`)) {
      // Enough to tell of those that use it no more than is wrong.
      known.set(name, { type: looseType(entries.get('type')?.node), hasAlwaysValue: true });
      continue;
    }
    const parameter = (plain as { parameters: Parameter[] }).parameters[i]!;
    const read = readParameter(parameter, room);
    room -= read.parameter.compiled?.size ?? 0;
    for (const { field, detail } of read.faults)
      faults.add(entries.get(field)?.at ?? node.at, 'parameter-invalid', `${name}: ${detail}`);
    const { choices } = parameter;
    known.set(name, { type: typeOf(parameter), hasAlwaysValue: hasAlwaysValue(parameter), ...given({ choices }) });
  }
  return known;
}

function looseType(node: TreeNode | undefined): ParameterType {
  return node?.value === 'secret' ? 'secret' : 'string';
}

/** As JSON has it. Its depth is bounded with the tree's. */
function plainOf({ value }: TreeNode): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, { node }]) => [key, plainOf(node)]));
  return Array.isArray(value) ? value.map(plainOf) : value;
}
