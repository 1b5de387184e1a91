/** The text of a converted job: as somebody would write it, with what was not carried over as comments at its place. */
import { Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { given } from '../base/given.ts';
import { jobLimits } from '../base/job-limits.ts';
import { limits } from '../base/limits.ts';
import { parseJob } from '../domain/job/job-definition.ts';
import type { ConversionOptions, ConvertedJob, Remark } from './conversion.ts';
import { literalOf, shellWordOf, textOf, wordOf, type FilledText } from './filled-text.ts';
import type { DraftNode, DraftWork, JobDraft } from './job-draft.ts';

/** The job, and what of it `drover job validate` still finds: the source asks for more than a job may. */
export function jobText(
  draft: JobDraft,
  source: string,
  { targets }: ConversionOptions,
): ConvertedJob & { remarks: Remark[] } {
  const nodes = inOrder(draft.nodes);
  const isPlain = nodes.every(({ rule, condition }) => rule === 'all-succeeded' && condition === undefined);
  const hosts = targets === undefined ? hostsParameter(draft) : undefined;
  const document = new Document({
    job: draft.name,
    ...given({ description: draft.description, owner: draft.owner, team: draft.team, tags: draft.tags }),
    ...given({ parameters: parameters(draft, hosts) }),
    targets: targets ?? `\${{ params.${hosts} }}`,
    stages: isPlain
      ? [{ stage: 'flow', steps: nodes.map((node, i) => step(node, needs(node, nodes[i - 1]))) }]
      : nodes.map((node, i) => ({
          stage: node.name,
          ...given({
            needs: needs(node, nodes[i - 1]),
            when: whenOf(node),
          }),
          steps: [step(node)],
        })),
  });
  document.commentBefore = comment([`Converted from ${source}.`, ...words(draft.remarks)]);
  const stages = document.get('stages') as YAMLSeq<YAMLMap>;
  const places = isPlain ? (stages.items[0]!.get('steps') as YAMLSeq<YAMLMap>).items : stages.items;
  nodes.forEach(({ remarks }, i) => {
    if (remarks.length > 0) places[i]!.commentBefore = comment(words(remarks));
  });
  blocks(document.contents);
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  const parsed = parseJob(text);
  const found = parsed.ok ? [] : parsed.faults;
  return {
    name: draft.name,
    text,
    remarks: found.map(({ code, detail, line }) => ({
      file: source,
      line: 1,
      what: `The job ${draft.name} does not pass as it stands: line ${line} of it: ${code}: ${detail}`,
    })),
  };
}

function whenOf({ rule, condition }: DraftNode): string | undefined {
  if (condition === undefined) return rule === 'all-succeeded' ? undefined : rule;
  return rule === 'all-succeeded' ? condition : `${rule} and (${condition})`;
}

function words(remarks: readonly Remark[]): string[] {
  return remarks.map(({ file, line, what }) => `${file}:${line}: ${what}`);
}

/** Controls have no place in a comment, and a line end would end it. */
function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 2_000)}`).join('\n');
}

/** In place of hosts that nobody has named; the source may have a parameter of that name itself. */
function hostsParameter({ parameters: all }: JobDraft): string {
  const taken = new Set(all.map(({ name }) => name));
  let name = 'hosts';
  for (let n = 2; taken.has(name); n++) name = `hosts_${n}`;
  return name;
}

function parameters(draft: JobDraft, hosts: string | undefined): object[] | undefined {
  const all = [
    ...draft.parameters.map(({ name, type, value, help }) => ({
      name,
      ...given({
        type: type ?? (value !== undefined && isLong(value) ? 'text' : undefined),
        required: value === undefined ? true : undefined,
        default:
          value === undefined || type === undefined ? value : type === 'number' ? Number(value) : value === 'true',
        help: help?.slice(0, limits.reasonLengthMax),
      }),
    })),
    ...(hosts !== undefined
      ? [{ name: hosts, type: 'hosts', required: true, help: 'hosts that everything runs on' }]
      : []),
  ];
  return all.length > 0 ? all : undefined;
}

function isLong(value: string): boolean {
  return value.includes('\n') || value.length > jobLimits.jobStringLengthMax;
}

/** What is left out means the one before it. */
function needs(node: DraftNode, before: DraftNode | undefined): string[] | undefined {
  if (node.needs.length === 1 && node.needs[0] === before?.name) return undefined;
  return node.needs.length === 0 && before === undefined ? undefined : [...node.needs];
}

/** What others need stands before them; else as in the source. Circles were refused before. */
function inOrder(nodes: readonly DraftNode[]): DraftNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const placed = new Set<DraftNode>();
  const stack = [...nodes].reverse();
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    const missing = placed.has(node)
      ? []
      : node.needs.flatMap((name) => byName.get(name) ?? []).filter((one) => !placed.has(one));
    if (missing.length > 0) stack.push(...missing.reverse());
    else {
      placed.add(node);
      stack.pop();
    }
  }
  return [...placed];
}

function step(node: DraftNode, needs?: readonly string[]): object {
  const { work } = node;
  return {
    step: node.name,
    ...given({ needs }),
    ...what(node),
    ...given({
      env: work.env && Object.fromEntries(Object.entries(work.env).map(([name, value]) => [name, fillable(value)])),
      cwd: work.cwd && fillable(work.cwd),
      targets: work.targets && fillable(work.targets),
      user: work.user && fillable(work.user),
      via: work.via,
      timeout: work.timeout,
      priority: work.priority,
      retries: work.retries,
      on_failure: node.continues ? 'continue' : undefined,
    }),
  };
}

function what({ name, work, refusals }: DraftNode): object {
  if (refusals.length > 0) {
    const why = `${name} was not carried over whole: ${refusals.map((one) => one.what).join(' ')}`;
    const would = commandLines(work).flatMap((line) => line.split('\n').map((one) => `# ${one}`));
    return { script: [`echo ${shellWordOf(textOf(why))} >&2`, 'exit 1', ...would, ''].join('\n') };
  }
  if (work.script) return { script: work.script.text, ...given({ interpreter: work.script.interpreter }) };
  const [only, ...others] = work.commands;
  const argv = others.length === 0 ? only?.map(wordOf) : undefined;
  if (argv?.every((word) => word !== undefined)) return { command: argv };
  return { script: `set -e\n${commandLines(work).join('\n')}\n` };
}

function commandLines({ commands, script }: DraftWork): string[] {
  if (script) return script.text.split('\n');
  return commands.map((words) => words.map(shellWordOf).join(' '));
}

/** Variables of scripts mean nothing there: whoever made the draft has put a refusal in their place. */
function fillable(parts: FilledText): string {
  return wordOf(parts) ?? literalOf(parts.filter(({ kind }) => kind === 'text')) ?? '';
}

/** Scripts are read as blocks. Lists of words stand in one line. */
function blocks(node: unknown): void {
  if (isSeq(node)) {
    for (const item of node.items) blocks(item);
    return;
  }
  if (!isMap(node)) return;
  for (const pair of node.items) {
    const key = String(pair.key);
    if ((key === 'command' || key === 'needs' || key === 'tags') && isSeq(pair.value)) pair.value.flow = true;
    else blocks(pair.value);
  }
}
