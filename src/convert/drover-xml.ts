/**
 * Jobs in XML, the documented form of our own (docs/guides/convert.md) that exports of other schedulers are brought into: tasks, which of
 * them depend on which, and for each its command or script, retries, timeout, priority, pool, resources and strategy.
 */
import { given } from '../base/given.ts';
import { JOIN_RULES, type JoinRule } from '../domain/flow/join.ts';
import {
  ConversionFault,
  type Conversion,
  type ConversionOptions,
  type ConvertedJob,
  type Place,
  type Remark,
  type SourceFile,
} from './conversion.ts';
import { splitWords, textOf, type FilledText, type Part } from './filled-text.ts';
import { flattened, type SourceNode } from './flow-graph.ts';
import type { DraftParameter, DraftWork } from './job-draft.ts';
import { jobText } from './job-text.ts';
import { Names } from './names.ts';
import { childOf, childrenOf, isXml, xmlTree, type Element } from './xml-tree.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const JOB_ATTRIBUTES = new Set(['name', 'owner', 'team', 'tags']);
const JOB_ELEMENTS = new Set(['description', 'parameter', 'alert', 'task']);
const TASK_ATTRIBUTES = new Set([
  'name',
  'depends',
  'when',
  'targets',
  'user',
  'cwd',
  'retries',
  'timeout',
  'priority',
]);
const TASK_ELEMENTS = new Set(['command', 'script', 'env']);
/** A name has no braces: one that is not closed ends with the next. */
const VALUE = /\$\{([^{}]*)\}/g;

export function fromXml(files: readonly SourceFile[], options: ConversionOptions): Conversion {
  const faults: Remark[] = [];
  const remarks: Remark[] = [];
  const jobs: ConvertedJob[] = [];
  const names = Names.plain();
  for (const source of files) {
    if (!isXml(source)) {
      remarks.push({ file: source.path, line: 1, what: 'This file is not carried over.' });
      continue;
    }
    try {
      const root = xmlTree(source);
      const elements = root.name === 'jobs' ? root.children : [root];
      for (const element of elements) {
        if (element.name !== 'job')
          throw new ConversionFault([
            { file: source.path, line: element.line, what: `<${element.name}> stands where <job> belongs.` },
          ]);
        const converted = new XmlJob(element, names).convert(options);
        jobs.push(...converted.jobs);
        remarks.push(...converted.remarks);
      }
    } catch (error) {
      if (!(error instanceof ConversionFault)) throw error;
      faults.push(...error.faults);
    }
  }
  if (jobs.length === 0 && faults.length === 0)
    faults.push({ file: files[0]?.path ?? '', line: 1, what: 'There is no <job> in it: nothing to convert.' });
  if (faults.length > 0) throw new ConversionFault(faults);
  return { jobs, remarks };
}

class XmlJob {
  readonly #job: Element;
  readonly #names: Names;
  readonly #parameterNames = Names.parameters();
  readonly #parameters = new Map<string, DraftParameter>();
  readonly #faults: Remark[] = [];
  readonly #remarks: Remark[] = [];

  constructor(job: Element, names: Names) {
    this.#job = job;
    this.#names = names;
  }

  convert(options: ConversionOptions): Conversion {
    const { attributes, file, line } = this.#job;
    const named = attributes.get('name')?.trim() ?? '';
    if (named === '') this.#fault(this.#job, 'The job has no name.');
    this.#unread(this.#job, JOB_ATTRIBUTES, JOB_ELEMENTS, this.#remarks);
    for (const alert of childrenOf(this.#job, 'alert')) this.#alert(alert);
    for (const parameter of childrenOf(this.#job, 'parameter')) this.#declare(parameter);
    const tasks = childrenOf(this.#job, 'task').map((task) => this.#task(task));
    const seen = new Set<string>();
    for (const task of tasks) {
      if (seen.has(task.name)) this.#fault(task, `There is a task ${task.name} before it.`);
      seen.add(task.name);
    }
    if (tasks.length === 0) this.#fault(this.#job, `The job ${named} has no <task>.`);
    const flat = flattened(tasks, Names.plain());
    const faults = [...this.#faults, ...flat.faults];
    if (faults.length > 0) throw new ConversionFault(faults);
    const description = childOf(this.#job, 'description')?.text.trim();
    const draft = {
      name: this.#names.of(`${file} ${line} ${named}`, named),
      ...given({ description: description || undefined }),
      ...this.#people(),
      parameters: [...this.#parameters.values()],
      nodes: flat.nodes,
      remarks: [...this.#remarks, ...flat.remarks],
    };
    const { name, text, remarks } = jobText(draft, file, options);
    return {
      jobs: [{ name, text }],
      remarks: [...draft.remarks, ...flat.nodes.flatMap((one) => one.remarks), ...remarks],
    };
  }

  #people(): { readonly owner?: string; readonly team?: string; readonly tags?: readonly string[] } {
    const of = (key: string): string | undefined => this.#job.attributes.get(key)?.trim() || undefined;
    const [owner, team, tags] = [of('owner'), of('team'), of('tags')];
    return given({ owner, team, tags: tags?.split(/[\s,]+/) });
  }

  #alert(alert: Element): void {
    const said = [...alert.attributes].map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ');
    this.#remarks.push({
      file: alert.file,
      line: alert.line,
      what: `The alert ${said}: make a channel for it (drover channels add), and name it in notify of the job.`,
    });
  }

  #declare(element: Element): void {
    const name = element.attributes.get('name')?.trim() ?? '';
    if (name === '') return this.#fault(element, 'The parameter has no name.');
    const value = element.attributes.get('default');
    const help = element.text.trim();
    this.#parameter(name, given({ value, help: help === '' ? undefined : help }));
  }

  #parameter(name: string, more: Omit<DraftParameter, 'name'> = {}): string {
    const own = this.#parameterNames.of(name);
    if (!this.#parameters.has(own)) this.#parameters.set(own, { name: own, ...more });
    return own;
  }

  #task(task: Element): SourceNode {
    const { file, line } = task;
    const remarks: Remark[] = [];
    const name = task.attributes.get('name')?.trim() ?? '';
    if (name === '') this.#fault(task, 'The task has no name.');
    this.#unread(task, TASK_ATTRIBUTES, TASK_ELEMENTS, remarks);
    const needs = [
      ...new Set(
        (task.attributes.get('depends') ?? '')
          .split(',')
          .map((one) => one.trim())
          .filter((one) => one !== ''),
      ),
    ];
    return {
      name,
      needs,
      rule: this.#rule(task),
      does: { kind: 'work', work: this.#work(task) },
      remarks,
      refusals: [],
      file,
      line,
    };
  }

  #rule(task: Element): JoinRule {
    const said = task.attributes.get('when');
    if (said === undefined) return 'all-succeeded';
    const rule = JOIN_RULES.find((one) => one === said);
    if (!rule) this.#fault(task, `when is ${JOIN_RULES.join(', ')}, not ${JSON.stringify(said)}.`);
    return rule ?? 'all-succeeded';
  }

  #work(task: Element): DraftWork {
    const commands = childrenOf(task, 'command').map((command) => splitWords(this.#filled(command.text.trim())));
    const [script, ...others] = childrenOf(task, 'script');
    if (others.length > 0 || (script !== undefined) === commands.length > 0)
      this.#fault(task, 'A task has one <script>, or <command> once or more.');
    const work: Writable<DraftWork> = { commands };
    const interpreter = script?.attributes.get('interpreter');
    if (script) work.script = { text: script.text.replace(/^\s*\n/, ''), ...given({ interpreter }) };
    for (const key of ['targets', 'user', 'cwd'] as const) {
      const said = task.attributes.get(key);
      if (said !== undefined) work[key] = this.#filled(said);
    }
    for (const key of ['timeout', 'priority'] as const) {
      const said = task.attributes.get(key);
      if (said !== undefined) work[key] = said;
    }
    const retries = task.attributes.get('retries');
    if (retries !== undefined) {
      if (/^\d{1,9}$/.test(retries)) work.retries = Number(retries);
      else this.#fault(task, `${JSON.stringify(retries)} is no number of retries.`);
    }
    const variables = childrenOf(task, 'env').map(
      (one) => [one.attributes.get('name') ?? '', this.#filled(one.text)] as const,
    );
    if (variables.length > 0) work.env = Object.fromEntries(variables);
    return work;
  }

  /** `${name}` is a parameter of the job, declared or not. */
  #filled(text: string): FilledText {
    const parts: Part[] = [];
    let at = 0;
    for (const found of text.matchAll(VALUE)) {
      parts.push(...textOf(text.slice(at, found.index)), {
        kind: 'parameter',
        name: this.#parameter(found[1]!.trim()),
      });
      at = found.index + found[0].length;
    }
    return [...parts, ...textOf(text.slice(at))];
  }

  #unread(element: Element, attributes: ReadonlySet<string>, elements: ReadonlySet<string>, into: Remark[]): void {
    const { file, line } = element;
    for (const [key, value] of element.attributes)
      if (!attributes.has(key) && key !== 'xmlns')
        into.push({ file, line, what: `${key}=${JSON.stringify(value)} is not carried over.` });
    for (const child of element.children)
      if (!elements.has(child.name))
        into.push({ file: child.file, line: child.line, what: `<${child.name}> is not carried over.` });
  }

  #fault({ file, line }: Place, what: string): undefined {
    this.#faults.push({ file, line, what });
  }
}
