/** What single steps of a job say: their work, the hosts, the expressions in their texts, the secrets that they are given. */
import type { ErrorCode } from '../../base/errors.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { OUTPUT_REDUCERS, OUTPUT_TYPES, typesOf } from '../run/step-outputs.ts';
import { besideWorker } from '../policy/place-words.ts';
import { rolloutFault } from '../policy/policy-words.ts';
import { readItems } from '../run/task-items.ts';
import { parseTarget } from '../target/expression.ts';
import { parseRows, parseStatuses } from '../crew/outcome.ts';
import { workFaults } from '../work/work.ts';
import type { FillCallText } from './calls/call-step.ts';
import { CALL_NAMES, CALL_STEPS } from './calls/call-steps.ts';
import { checkItemName } from './held-names.ts';
import { callIn, callTemplates, checkCallTogether, type CallInStep } from './check-calls.ts';
import { entriesOf, itemsOf, placeOfPointer, type TreeEntry, type TreeNode } from './document-tree.ts';
import { JobFaults, quoted } from './job-fault.ts';
import type { JobDefinition, JobStep } from './job-shape.ts';
import type { KnownParameter } from './parameter.ts';
import { OUTPUT_HERE, outputWordFaults, tellsPrograms } from './output-words.ts';
import { checkGate } from './step-gates.ts';
import { stepWork } from './step-work.ts';
import { readTargetsByStep } from './targets-by-step.ts';
import { writtenPlace } from './written-place.ts';
import type { StepPlace, StepReferences } from './step-references.ts';
import {
  FillBudget,
  fillCall,
  fillTemplate,
  outputsIn,
  paramsOf,
  parseCallTemplate,
  parseTemplate,
  type CallTemplate,
  type Template,
} from './template.ts';

export interface StepsToCheck {
  readonly text: string;
  readonly tree: TreeNode;
  /** As JSON has it: of the schema's type wherever `isWhole` says so of a path. */
  readonly plain: unknown;
  readonly isWhole: (path: string) => boolean;
  readonly parameters: ReadonlyMap<string, KnownParameter>;
  /** Made by the first that asks. */
  readonly references: () => StepReferences;
  readonly faults: JobFaults;
}

/** Where a text with expressions stands. */
interface TextPlace extends StepPlace {
  readonly field: (typeof FILLED)[number] | 'call' | 'for_each';
  /** It is the name of the program that is run. */
  readonly isProgram: boolean;
}

/** Texts of a step that may hold expressions; of a list or a map, each of them. */
const FILLED = ['targets', 'command', 'args', 'env', 'cwd', 'user', 'account', 'message'] as const;

export function checkSteps(job: StepsToCheck): void {
  const { text, tree, isWhole, references, faults } = job;
  checkTargets(job, entriesOf(tree).get('targets'));
  for (const [s, stage] of itemsOf(entriesOf(tree).get('stages')?.node).entries())
    for (const [i, node] of itemsOf(entriesOf(stage).get('steps')?.node).entries()) {
      const entries = entriesOf(node);
      checkTargets(job, besidesOf(entries.get('targets'), text));
      checkTargets(job, entries.get('worker'));
      checkTargets(job, entries.get('prefer'));
      for (const field of FILLED)
        if (field !== 'targets')
          for (const [n, said] of textsOf(entryOf(entries, field)?.node).entries()) {
            const template = checkExpressions(job, said);
            const isProgram = field === 'command' && n === 0;
            checkReferences(job, references, said, template, { stage: s, step: i, field, isProgram });
          }
      const call = callIn(entries);
      const placesIn = (said: TreeNode): ((offset: number) => number) => placesOf(text, said);
      if (call)
        for (const { node: said, template } of callTemplates(call, { ...job, placesOf: placesIn })) {
          tellExpressions(job, said, template, 'write ${{ secrets.NAME }} of it');
          checkReferences(job, references, said, template, { stage: s, step: i, field: 'call', isProgram: false });
        }
      checkItems(job, references, entries, { stage: s, step: i });
      checkOutputWords(job, entries);
      checkScript(job, entries.get('script')?.node);
      checkScriptOutputs(job, references, entries.get('script')?.node);
      checkSecrets(job, entries.get('secrets')?.node);
      checkOutputs(entries.get('outputs')?.node, faults);
      checkTogether(node, faults);
      if (isWhole(`stages/${s}/steps/${i}`)) checkWork((job.plain as JobDefinition).stages[s]!.steps[i]!, node, faults);
    }
}

/** The message of an approval stands in it. */
function entryOf(entries: ReadonlyMap<string, TreeEntry>, field: string): TreeEntry | undefined {
  return field === 'message' ? entriesOf(entries.get('approval')?.node).get('message') : entries.get(field);
}

function textsOf(node: TreeNode | undefined): TreeNode[] {
  const value = node?.value;
  if (node === undefined || typeof value === 'string') return node === undefined ? [] : [node];
  const parts = value instanceof Map ? [...entriesOf(node).values()].map((entry) => entry.node) : itemsOf(node);
  return parts.filter((part) => typeof part.value === 'string');
}

/** What goes together, and what does not. */
function checkTogether(node: TreeNode, faults: JobFaults): void {
  const entries = entriesOf(node);
  if (checkGate(entries, faults)) return;
  const call = callIn(entries);
  const [first, ...others] = DOES.filter((key) => entries.has(key));
  for (const other of others)
    faults.add(entries.get(other)!.at, 'bad-input', `Give either ${first} or ${other}, not both.`);
  if (first === undefined && entries.has('step'))
    faults.add(node.at, 'bad-input', `The step says nothing to do: give ${DOES.join(', ')}, approval or wait.`);
  if (call) checkCallTogether(entries, call, faults);
  checkSuccess(entriesOf(entries.get('success')?.node), call, faults);
  const words = {
    batches: 'batches',
    between: 'between',
    batchMaxFailed: 'batch_max_failed',
    maxFailed: 'max_failed',
    onMaxFailed: 'on_max_failed',
    countsAsFailed: 'counts_as_failed',
  } as const;
  const isThere = Object.fromEntries(
    Object.entries(words).map(([field, key]) => [field, entries.has(key) ? '' : undefined]),
  );
  const rollout = rolloutFault(isThere as Parameters<typeof rolloutFault>[0], (field) => words[field]);
  if (rollout) faults.add(entries.get(words[rollout.field])!.at, 'bad-input', rollout.detail);
  checkWorker(entries, call !== undefined, faults);
  const [account, user] = [entries.get('account'), entries.get('user')];
  if (account && user)
    faults.add(user.at, 'bad-input', 'Give either account or user, not both: the account says who works.');
}

/** What may be in the place of a script. */
const DOES: readonly string[] = ['script', 'command', ...CALL_NAMES];

/** What of its end is a success is said of how it ends. */
function checkSuccess(entries: ReadonlyMap<string, TreeEntry>, call: CallInStep | undefined, faults: JobFaults): void {
  const [codes, status, rows] = [entries.get('exit_codes'), entries.get('status'), entries.get('rows')];
  if (codes && call) faults.add(codes.at, 'bad-input', `exit_codes are of scripts; ${call.name} has none.`);
  if (status && call?.name !== 'http')
    faults.add(
      status.at,
      'bad-input',
      `status is of http steps; ${call ? 'sql has rows' : 'a script has exit_codes'}.`,
    );
  if (rows && call?.name !== 'sql')
    faults.add(rows.at, 'bad-input', `rows are of sql steps; ${call ? 'http has status' : 'a script has exit_codes'}.`);
  for (const said of itemsOf(rows?.node))
    if (typeof said.value === 'string' && !parseRows(said.value))
      faults.add(
        said.at,
        'bad-input',
        `${quoted(said.value)} is no number of rows, such as 3, and no range, such as 1-10, or 1- for one and more.`,
      );
  for (const said of itemsOf(status?.node))
    if (typeof said.value === 'string' && !parseStatuses(said.value))
      faults.add(
        said.at,
        'bad-input',
        `${quoted(said.value)} is no status of HTTP, such as 204, or range, such as 200-299.`,
      );
}

/** A step that goes to a worker says nothing of hosts. A call goes to one, whether it says so or not. */
function checkWorker(entries: ReadonlyMap<string, TreeEntry>, isCall: boolean, faults: JobFaults): void {
  const [worker, targets, via] = [entries.get('worker'), entries.get('targets'), entries.get('via')];
  if (isCall) return checkBesideWorker(entries, faults);
  const lonely = worker ? undefined : ['prefer', 'resources', 'strategy'].find((key) => entries.has(key));
  if (lonely !== undefined)
    faults.add(entries.get(lonely)!.at, 'bad-input', `${lonely} is for steps without hosts; it goes with worker.`);
  if (!worker) return;
  if (targets) faults.add(worker.at, 'bad-input', 'Give either targets or worker, not both.');
  if (via) faults.add(via.at, 'bad-input', 'via is a way to hosts; it does not go with worker.');
  checkBesideWorker(entries, faults);
}

function checkBesideWorker(entries: ReadonlyMap<string, TreeEntry>, faults: JobFaults): void {
  const keyOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const asked = Object.fromEntries(
    [...entries.keys()].map((key) => [key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), '']),
  );
  // Of a call these are told already.
  for (const { field, detail } of besideWorker(asked, keyOf, entries.has('for_each')))
    if (!(callIn(entries) && ['user', 'account'].includes(field)))
      faults.add(entries.get(keyOf(field))!.at, 'bad-input', `${detail}.`);
}

/** What a step is done for: a list that the job says, or one expression that is a list. */
function checkItems(
  job: StepsToCheck,
  references: () => StepReferences,
  entries: ReadonlyMap<string, TreeEntry>,
  here: StepPlace,
): void {
  const { faults } = job;
  const said = entries.get('for_each');
  if (!said) return;
  checkItemName(entries, job.faults);
  if (!entries.has('script') && !entries.has('command'))
    faults.add(said.at, 'bad-input', 'for_each is for a script or command, which reads its item as DROVER_ITEM.');
  else if (!entries.has('worker'))
    faults.add(said.at, 'bad-input', 'for_each is for steps without hosts; it goes with worker.');
  const { node } = said;
  if (typeof node.value === 'string') {
    const template = checkExpressions(job, node);
    const [part, ...more] = template.parts;
    if (template.faults.length === 0 && (typeof part !== 'object' || more.length > 0))
      faults.add(
        node.at,
        'bad-input',
        'for_each is a list, or nothing but one expression: ${{ params.NAME }} or ${{ steps.STAGE.STEP.outputs.NAME }}.',
      );
    return checkReferences(job, references, node, template, { ...here, field: 'for_each', isProgram: false });
  }
  for (const item of textsOf(node)) {
    const template = checkExpressions(job, item);
    const [told] = outputsIn(template);
    if (told)
      faults.add(
        placesOf(job.text, item)(told.at),
        'job-expression',
        'In a list stand no outputs; one that is a list is given whole: for_each: ${{ steps.STAGE.STEP.outputs.NAME }}.',
      );
    const read = template.parts.every((part) => typeof part === 'string')
      ? readItems([template.parts.join('')])
      : undefined;
    if (read?.ok === false) faults.add(item.at, 'bad-input', read.detail.replace(/^Item 1/, 'This item'));
  }
}

/** Each with a place in the text where it can be told. */
function checkExpressions(job: StepsToCheck, node: TreeNode): Template {
  const template = parseTemplate(String(node.value));
  if (template.parts.length === 1 && typeof template.parts[0] === 'string' && template.faults.length === 0)
    return template;
  tellExpressions(job, node, template, 'give it to the step with secrets');
  return template;
}

/** `secretWay`: how a secret is given instead. */
function tellExpressions(job: StepsToCheck, node: TreeNode, template: CallTemplate, secretWay: string): void {
  const placeOf = placesOf(job.text, node);
  for (const { at, detail } of template.faults) job.faults.add(placeOf(at), 'job-expression', detail);
  for (const { param, at } of paramsOf(template)) {
    const known = job.parameters.get(param);
    if (known === undefined)
      job.faults.add(
        placeOf(at),
        'job-reference-unknown',
        () => `There is no parameter ${quoted(param)}.${meantText(nearest(param, [...job.parameters.keys()]))}`,
      );
    else if (known.type === 'secret')
      job.faults.add(
        placeOf(at),
        'job-expression',
        `${param} is a secret, and stands in no text as a parameter: ${secretWay}.`,
      );
    else if (!known.hasAlwaysValue)
      job.faults.add(
        placeOf(at),
        'job-expression',
        `${param} may have no value, and what would stand here then is not said: give it a default, or required: true.`,
      );
  }
}

/** What a text says of outputs of other steps. */
function checkReferences(
  { text, faults }: StepsToCheck,
  referencesOf: () => StepReferences,
  node: TreeNode,
  template: CallTemplate,
  here: TextPlace,
): void {
  const all = outputsIn(template);
  if (all.length === 0) return;
  const references = referencesOf();
  const placeOf = placesOf(text, node);
  const beforehand = here.field === 'user' || here.field === 'account';
  const isLoosePath = here.field === 'cwd' && !(typeof template.parts[0] === 'string' && template.parts[0][0] === '/');
  for (const { step, output, at } of all) {
    const [found, other] = references.named(step);
    const fault = (code: ErrorCode, detail: string | (() => string)): void => faults.add(placeOf(at), code, detail);
    if (beforehand)
      fault('job-expression', `${here.field} is settled when the run starts, when no step has told anything.`);
    else if (here.isProgram)
      fault('job-expression', 'What is run is said by the job, and not by what hosts have told.');
    else if (isLoosePath) fault('job-expression', 'A folder with an output in it begins with / before that.');
    else if (found === undefined)
      fault(
        'job-reference-unknown',
        () =>
          `There is no step ${quoted(step)}; a step is named STAGE.STEP.${meantText(nearest(step, references.names))}`,
      );
    else if (other !== undefined)
      fault('job-expression', `${quoted(step)} may be either of two steps: give one of them another name.`);
    else if (!found.outputs.has(output))
      fault(
        'job-reference-unknown',
        () =>
          `${quoted(step)} declares no output ${quoted(output)}.${meantText(nearest(output, [...found.outputs.keys()]))}`,
      );
    else if (!references.isCertainBefore(found, here))
      fault(
        'job-expression',
        `${quoted(step)} has not succeeded for certain when this begins, so there may be no ${output}: need it, by no rule ` +
          'but all-succeeded, and leave out its on_failure: continue and its when.',
      );
  }
}

/** No program that is known is given what hosts have told as a program of its own. */
function checkOutputWords({ text, faults }: StepsToCheck, entries: ReadonlyMap<string, TreeEntry>): void {
  const firstOf = (node: TreeNode): number | undefined => outputsIn(parseTemplate(String(node.value)))[0]?.at;
  const nodes = [...textsOf(entries.get('command')?.node), ...textsOf(entries.get('args')?.node)];
  const fault = (node: TreeNode, detail: string): void =>
    faults.add(placesOf(text, node)(firstOf(node)!), 'job-expression', `${detail[0]!.toUpperCase()}${detail.slice(1)}`);
  // Words of a script are behind a program that nobody knows.
  const script = entries.has('command') ? [] : [''];
  if (nodes.some((node) => firstOf(node) !== undefined))
    for (const { at, detail } of outputWordFaults([...script, ...nodes.map(({ value }) => shapeOf(String(value)))]))
      fault(nodes[at - script.length]!, detail);
  for (const [name, { node }] of entriesOf(entries.get('env')?.node))
    if (typeof node.value === 'string' && tellsPrograms(name) && firstOf(node) !== undefined)
      fault(node, `${name} says which programs are run, or what they load, and that is said by the job alone.`);
}

function shapeOf(value: string): string {
  return parseTemplate(value)
    .parts.map((part) => (typeof part === 'string' ? part : 'step' in part ? OUTPUT_HERE : 'x'))
    .join('');
}

/** From a place in a scalar's value to that in the text, by counting expressions: a value is not written as it is read. */
function placesOf(text: string, { at, end, value }: TreeNode): (offset: number) => number {
  const offsets = (of: string): number[] => {
    const found: number[] = [];
    for (let i = of.indexOf('${{'); i >= 0; i = of.indexOf('${{', i + 3)) found.push(i);
    return found;
  };
  const written = offsets(text.slice(at, end));
  const read = new Map(offsets(String(value)).map((offset, n) => [offset, n]));
  return (offset) => at + (written[read.get(offset) ?? 0] ?? 0);
}

/** Of targets that speak of an earlier step (check-conditions.ts): what they have to match besides. */
function besidesOf(entry: TreeEntry | undefined, text: string): TreeEntry | undefined {
  const by = typeof entry?.node.value === 'string' ? readTargetsByStep(entry.node.value) : undefined;
  if (!entry || !by) return entry;
  if (!by.besides) return undefined;
  const at = writtenPlace(text, entry.node)(by.besides.at);
  return { at: entry.at, node: { at, end: entry.node.end, value: by.besides.text } };
}

function checkTargets(job: StepsToCheck, entry: TreeEntry | undefined): void {
  if (typeof entry?.node.value !== 'string') return;
  const template = checkExpressions(job, entry.node);
  const placeOf = placesOf(job.text, entry.node);
  for (const { at } of outputsIn(template))
    job.faults.add(
      placeOf(at),
      'job-expression',
      'The hosts of all steps are found when the run starts, when no step has told anything.',
    );
  if (template.faults.length > 0) return;
  const text = paramsOf(template).find(({ param }) => job.parameters.get(param)?.type === 'text');
  if (text)
    job.faults.add(
      entry.node.at,
      'job-expression',
      `${text.param} is a text of several lines; in targets stands a string, a choice or hosts.`,
    );
  const parsed = parseTarget(
    fillTemplate(
      template,
      (param) => (job.parameters.get(param)?.type === 'hosts' ? '(x)' : 'x'),
      new FillBudget(Infinity),
      () => 'x',
    ),
  );
  if (!parsed.ok)
    job.faults.add(
      entry.node.at,
      'bad-target',
      `The target is not valid at character ${parsed.fault.column}: ${parsed.fault.detail}.`,
    );
}

/** A script is never filled in. Whoever writes an expression of one of the job's parameters into it thinks that it is. */
function checkScript({ text, parameters, faults }: StepsToCheck, node: TreeNode | undefined): void {
  if (typeof node?.value !== 'string' || !node.value.includes('${{')) return;
  const placeOf = placesOf(text, node);
  for (const found of node.value.matchAll(/\$\{\{\s{0,20}params\.([a-z][a-z0-9_]{0,200})\s{0,20}\}\}/g)) {
    const known = parameters.get(found[1]!);
    const read = `${known?.type === 'secret' ? '$' : '$DROVER_PARAM_'}${found[1]}`;
    if (known)
      faults.add(
        placeOf(found.index),
        'job-expression',
        `A script is not filled in, so that no value becomes a part of it: read "${read}".`,
      );
  }
}

/** As `checkScript`, of what other steps have told. */
function checkScriptOutputs(
  { text, faults }: StepsToCheck,
  references: () => StepReferences,
  node: TreeNode | undefined,
): void {
  if (typeof node?.value !== 'string' || !node.value.includes('${{')) return;
  const placeOf = placesOf(text, node);
  for (const { step, output, at } of outputsIn(parseTemplate(node.value)))
    if (references().named(step)[0]?.outputs.has(output))
      faults.add(
        placeOf(at),
        'job-expression',
        `A script is not filled in, so that no value becomes a part of it: give it ${output} by env, and read that.`,
      );
}

function checkSecrets({ parameters, faults }: StepsToCheck, node: TreeNode | undefined): void {
  const seen = new Set<string>();
  for (const { value, at } of itemsOf(node)) {
    if (typeof value !== 'string') continue;
    const known = parameters.get(value);
    if (known === undefined)
      faults.add(at, 'job-reference-unknown', () => {
        const secrets = [...parameters].flatMap(([name, { type }]) => (type === 'secret' ? [name] : []));
        return `There is no parameter ${quoted(value)}.${meantText(nearest(value, secrets))}`;
      });
    else if (known.type !== 'secret')
      faults.add(
        at,
        'bad-input',
        `${quoted(value)} is a ${known.type}, which every script is given as DROVER_PARAM_${value}; secrets are parameters of type secret.`,
      );
    else if (seen.has(value)) faults.add(at, 'job-name-twice', `The secret ${quoted(value)} is there twice.`);
    seen.add(value);
  }
}

/** Each name once, and a type that its hosts' values can have together. */
function checkOutputs(node: TreeNode | undefined, faults: JobFaults): void {
  const seen = new Set<unknown>();
  for (const output of itemsOf(node)) {
    const entries = entriesOf(output);
    const [name, type] = [entries.get('name')?.node, entries.get('type')?.node];
    if (name && seen.has(name.value))
      faults.add(name.at, 'job-name-twice', () => `There is an output ${quoted(String(name.value))} before this one.`);
    seen.add(name?.value);
    const said = entries.get('from')?.node.value;
    const from = OUTPUT_REDUCERS.find((one) => one === (said ?? 'same'));
    const known = OUTPUT_TYPES.find((one) => one === type?.value);
    if (type && from && known && !typesOf(from).includes(known))
      faults.add(type.at, 'bad-input', `What is drawn together by ${from} is a ${typesOf(from)[0]}, and no ${known}.`);
  }
}

/** The limits of the work itself, with something in the place of each expression. */
function checkWork(step: JobStep, node: TreeNode, faults: JobFaults): void {
  const entries = entriesOf(node);
  if ([...DOES, 'approval', 'wait'].filter((key) => entries.has(key)).length !== 1) return;
  const call = callIn(entries);
  if (call && CALL_STEPS[call.name].faults(call.entry.node).length > 0) return;
  const fill = (text: string, field: string): string => {
    const filled = fillTemplate(
      parseTemplate(text),
      () => 'x',
      new FillBudget(Infinity),
      () => 'x',
    );
    return field === 'cwd' && text.startsWith('${{') ? `/${filled}` : filled;
  };
  const secretNames = step.secrets ?? [];
  const secrets = Object.fromEntries(secretNames.map((name) => [name, 'xxxx']));
  const fillOfCall: FillCallText = (text, asAddress) => {
    const [first = '', ...rest] = fillCall(parseCallTemplate(text), () => '1', new FillBudget(Infinity));
    return asAddress && text.startsWith('${{') && typeof first === 'string'
      ? [asAddress(first), ...rest]
      : [first, ...rest];
  };
  for (const fault of workFaults(stepWork(step, { text: fill, call: fillOfCall }, {}, secretNames), { secrets }))
    faults.add(placeOfPointer(fault.pointer, node), fault.code, fault.detail);
}
