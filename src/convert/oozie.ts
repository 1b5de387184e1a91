/**
 * Oozie workflows: `workflow.xml` with actions of shell and ssh, forks, joins, decisions, kills, and where each leads when it has ended
 * well or not. Each action becomes a stage of one step.
 * Read by the Oozie workflow specification (schemas uri:oozie:workflow:0.1 to 1.0).
 */
import { given } from '../base/given.ts';
import { jobLimits } from '../base/job-limits.ts';
import { parseSyntax } from '../domain/expression/syntax.ts';
import type { JoinRule } from '../domain/flow/join.ts';
import {
  ConversionFault,
  type Conversion,
  type ConversionOptions,
  type ConvertedJob,
  type Place,
  type Remark,
  type SourceFile,
} from './conversion.ts';
import type { DraftNode } from './job-draft.ts';
import { jobText } from './job-text.ts';
import { Names } from './names.ts';
import { conditionOf } from './oozie-el.ts';
import { actionWork } from './oozie-action.ts';
import { OozieValues } from './oozie-values.ts';
import { OozieTransitions, type Choice, type ControlNode } from './oozie-transitions.ts';
import { childOf, childrenOf, isXml, xmlTree, type Element } from './xml-tree.ts';

export function fromOozie(files: readonly SourceFile[], options: ConversionOptions): Conversion {
  const faults: Remark[] = [];
  const remarks: Remark[] = [];
  const jobs: ConvertedJob[] = [];
  const names = Names.plain();
  const sources = files.filter(isXml);
  for (const file of files)
    if (!isXml(file)) remarks.push({ file: file.path, line: 1, what: 'This file is not carried over.' });
  let workflows = 0;
  for (const source of sources) {
    try {
      const root = xmlTree(source);
      if (root.name !== 'workflow-app') {
        remarks.push({
          file: root.file,
          line: root.line,
          what: `<${root.name}> is not carried over: it is no workflow.`,
        });
        continue;
      }
      workflows++;
      const converted = new Workflow(root, names).convert(options);
      jobs.push(...converted.jobs);
      remarks.push(...converted.remarks);
    } catch (error) {
      if (!(error instanceof ConversionFault)) throw error;
      faults.push(...error.faults);
    }
  }
  if (workflows === 0 && faults.length === 0)
    faults.push({ file: files[0]?.path ?? '', line: 1, what: 'There is no <workflow-app> in it: nothing to convert.' });
  if (faults.length > 0) throw new ConversionFault(faults);
  return { jobs, remarks };
}

const KINDS: Readonly<Record<string, ControlNode['kind']>> = {
  start: 'start',
  action: 'action',
  fork: 'fork',
  join: 'join',
  decision: 'decision',
  kill: 'kill',
  end: 'end',
};
/** Read by whoever converts, or of no meaning outside of the cluster. */
const READ = new Set([...Object.keys(KINDS), 'parameters']);

class Workflow {
  readonly #root: Element;
  readonly #names: Names;
  readonly #stages = Names.plain();
  readonly #values: OozieValues;
  readonly #faults: Remark[] = [];
  readonly #remarks: Remark[] = [];
  readonly #elements = new Map<string, Element>();
  readonly #controls = new Map<string, ControlNode>();
  #hasDecisions = false;

  constructor(root: Element, names: Names) {
    this.#root = root;
    this.#names = names;
    this.#values = new OozieValues(root);
  }

  convert(options: ConversionOptions): Conversion {
    const { file, line } = this.#root;
    const named = this.#root.attributes.get('name')?.trim() || 'workflow';
    for (const child of this.#root.children)
      if (!READ.has(child.name)) this.#remark(child, `<${child.name}> of the workflow is not carried over.`);
    const nodes = this.#root.children.flatMap((element) => this.#control(element) ?? []);
    if (!nodes.some(({ kind }) => kind === 'start')) this.#fault(this.#root, 'It has no <start>.');
    for (const node of nodes) this.#controls.set(node.name, node);
    this.#hasDecisions = nodes.some(({ kind }) => kind === 'decision');
    const transitions = new OozieTransitions(nodes);
    this.#faults.push(...transitions.faults());
    if (this.#faults.length > 0) throw new ConversionFault(this.#faults);
    const drafts = nodes.flatMap((node) => this.#draft(node, transitions) ?? []);
    if (drafts.length === 0)
      throw new ConversionFault([{ file, line, what: 'It has no <action>: nothing to convert.' }]);
    const draft = {
      name: this.#names.of(`${file} ${named}`, named),
      parameters: this.#values.parameters,
      nodes: drafts,
      remarks: this.#remarks,
    };
    const { name, text, remarks } = jobText(draft, file, options);
    return { jobs: [{ name, text }], remarks: [...this.#remarks, ...drafts.flatMap((one) => one.remarks), ...remarks] };
  }

  #control(element: Element): ControlNode | undefined {
    const kind = KINDS[element.name];
    if (!kind || !Object.hasOwn(KINDS, element.name)) return undefined;
    const name = kind === 'start' ? ':start:' : (element.attributes.get('name') ?? '').trim();
    if (name === '') return this.#fault(element, `This <${element.name}> has no name.`);
    if (this.#elements.has(name)) return this.#fault(element, `There is a ${name} before it.`);
    this.#elements.set(name, element);
    const { file, line } = element;
    return { name, kind, to: this.#leads(element, kind), file, line };
  }

  #leads(element: Element, kind: ControlNode['kind']): ControlNode['to'] {
    switch (kind) {
      case 'start':
      case 'join':
        return [{ on: 'path', name: this.#to(element) }];
      case 'action':
        return (['ok', 'error'] as const).flatMap((on) => {
          const leads = childOf(element, on);
          if (leads) return [{ on, name: this.#to(leads) }];
          this.#fault(element, `This action says not where it leads: <${on} to="…"/>.`);
          return [];
        });
      case 'fork':
        return childrenOf(element, 'path').map((path) => ({ on: 'path', name: this.#to(path, 'start') }));
      case 'decision': {
        const cases = casesOf(element);
        if (cases.length === 0) this.#fault(element, 'This decision has no <switch> with cases.');
        return cases.map((one, i) => ({ on: 'case', name: this.#to(one), case: i }));
      }
      case 'kill':
      case 'end':
        return [];
    }
  }

  #to(element: Element, attribute = 'to'): string {
    const name = element.attributes.get(attribute)?.trim();
    if (name === undefined || name === '') this.#fault(element, `<${element.name}> has no ${attribute}.`);
    return name ?? '';
  }

  #draft(node: ControlNode, transitions: OozieTransitions): DraftNode | undefined {
    if (node.kind === 'kill') return this.#kill(node, transitions);
    if (node.kind !== 'action') return undefined;
    const element = this.#elements.get(node.name)!;
    if (!transitions.leadsAnywhere(node.name)) {
      this.#remark(node, `No path leads to ${node.name}: it is not carried over.`);
      return undefined;
    }
    const { work, remarks, refusals } = actionWork(element, this.#values);
    const turned = this.#turn(node, transitions);
    const recovers = this.#recovery(node);
    return {
      name: this.#stages.of(node.name),
      needs: turned.needs,
      rule: turned.rule,
      ...given({ condition: turned.condition }),
      work,
      continues: recovers.continues,
      remarks: [...turned.refusals, ...recovers.remarks, ...remarks, ...refusals],
      refusals: [...turned.refusals, ...refusals],
    };
  }

  /** A kill that only failures lead to, however far before it, needs nothing: what failed has made the run fail. */
  #kill(node: ControlNode, transitions: OozieTransitions): DraftNode | undefined {
    const element = this.#elements.get(node.name)!;
    const message = childOf(element, 'message')?.text.trim() ?? '';
    if (!transitions.leadsAnywhere(node.name)) return undefined;
    if (!transitions.isReachedWithoutFailure(node.name)) {
      if (message !== '')
        this.#remark(
          node,
          `The message of ${node.name} is not carried over: the run tells which step has failed, and why.`,
        );
      return undefined;
    }
    const turned = this.#turn(node, transitions);
    const refusal = {
      file: node.file,
      line: node.line,
      what: `The workflow is killed here${message === '' ? '.' : `: ${message}`}`,
    };
    return {
      name: this.#stages.of(node.name),
      needs: turned.needs,
      rule: turned.rule,
      ...given({ condition: turned.condition }),
      work: { commands: [] },
      remarks: turned.refusals,
      refusals: [...turned.refusals, refusal],
    };
  }

  /** By a rule where one says the same; else by a condition over what all actions before it have come to, and over its decisions. */
  #turn(
    { name, file, line }: ControlNode,
    transitions: OozieTransitions,
  ): { readonly needs: string[]; readonly rule: JoinRule; readonly condition?: string; readonly refusals: Remark[] } {
    const own = (names: readonly string[]): string[] => names.map((one) => this.#stages.of(one));
    const turn = this.#hasDecisions ? undefined : transitions.turnOf(name);
    if (turn) return { needs: own(turn.needs), rule: turn.rule, refusals: [] };
    const needs = own(transitions.actionsBefore(name));
    const refusals: Remark[] = [];
    const words = {
      after: (action: string, on: 'ok' | 'error') => this.#afterWords(action, on),
      choice: (choice: Choice) => {
        const condition = this.#choiceCondition(choice);
        const what = `${name} has its turn only if ${this.#caseWords(choice)}: that is not carried over.`;
        if (condition === undefined) refusals.push({ file, line, what });
        return condition;
      },
    };
    const condition = transitions.conditionOf(name, words, jobLimits.conditionLengthMax - 100);
    const rule = needs.length === 0 ? 'all-succeeded' : 'all-done';
    if (condition === '') return { needs, rule, refusals };
    if (condition !== undefined && parseSyntax(condition).ok) return { needs, rule, condition, refusals };
    if (refusals.length === 0)
      refusals.push({
        file,
        line,
        what: `When ${name} has its turn is more than a condition may say: too much leads there.`,
      });
    return { needs, rule, refusals };
  }

  #afterWords(action: string, on: 'ok' | 'error'): string {
    const state = `stages.${this.#stages.of(action)}.state`;
    const { to } = this.#controls.get(action)!;
    // Both of its ends lead there.
    if (to[0]?.name === to[1]?.name) return `${state} in ["succeeded", "failed", "timed_out"]`;
    return on === 'ok' ? `${state} == "succeeded"` : `${state} in ["failed", "timed_out"]`;
  }

  /** That its case holds, and none before it. */
  #choiceCondition({ decision, case: which }: Choice): string | undefined {
    const cases = casesOf(this.#elements.get(decision)!).slice(0, which + 1);
    const conditions = cases.map((one, at) => {
      const condition = one.name === 'default' ? '' : conditionOf(one.text, this.#values);
      if (condition === undefined || condition === '') return condition;
      return at < which ? `not (${condition})` : condition;
    });
    if (conditions.includes(undefined)) return undefined;
    const all = conditions.filter((one) => one !== '');
    return all.length > 1 ? `(${all.join(' and ')})` : (all[0] ?? '');
  }

  #caseWords({ decision, case: which }: Choice): string {
    const cases = casesOf(this.#elements.get(decision)!);
    const one = cases[which]!;
    return one.name === 'default' ? `no case of ${decision} holds` : `${one.text.trim()} holds (${decision})`;
  }

  /** An error that leads on to the end of the workflow leaves it succeeded. */
  #recovery(node: ControlNode): { readonly continues: boolean; readonly remarks: Remark[] } {
    const leads = (on: 'ok' | 'error') => node.to.find((one) => one.on === on)?.name;
    const kindOf = (name: string | undefined) =>
      name === undefined ? undefined : KINDS[this.#elements.get(name)?.name ?? ''];
    const error = leads('error');
    if (kindOf(error) === 'kill') return { continues: false, remarks: [] };
    if (error === leads('ok')) return { continues: true, remarks: [] };
    const { file, line } = node;
    return {
      continues: false,
      remarks: [
        {
          file,
          line,
          what: `When ${node.name} fails, the workflow goes on to ${error ?? ''} and may succeed; the run is told as failed then.`,
        },
      ],
    };
  }

  #fault({ file, line }: Place, what: string): undefined {
    this.#faults.push({ file, line, what });
  }

  #remark({ file, line }: Place, what: string): void {
    this.#remarks.push({ file, line, what });
  }
}

/** The default is the last. */
function casesOf(decision: Element): Element[] {
  const choices = childOf(decision, 'switch');
  return choices ? [...childrenOf(choices, 'case'), ...childrenOf(choices, 'default')] : [];
}
