/** `.job` files: who depends on whom, and which flows they make. */
import { jobLimits } from '../base/job-limits.ts';
import type { AzkabanFlow } from './azkaban-model.ts';
import { AzkabanValues, PropertyNames, type Scope, type ScopedProperty } from './azkaban-properties.ts';
import { nodeParts } from './azkaban-work.ts';
import type { Place, Remark } from './conversion.ts';
import type { SourceNode } from './flow-graph.ts';

export interface JobFile {
  readonly file: string;
  readonly own: readonly ScopedProperty[];
  /** Of its folder and those above, the nearest first; its own properties are not in it. */
  readonly scope: Scope;
}

/** Of all flows together: a few jobs that many flows share are nodes of each. */
const PROJECT_NODES_MAX = 20 * jobLimits.jobStepsMax;

interface NamedJob extends Place {
  readonly name: string;
  readonly job: JobFile;
  readonly needs: readonly string[];
}

export function jobNodes(files: readonly JobFile[], faults: Remark[]): AzkabanFlow[] {
  const jobs = new Map<string, NamedJob>();
  for (const job of files) {
    const name = job.file.slice(job.file.lastIndexOf('/') + 1).replace(/\.job$/i, '');
    const twin = jobs.get(name);
    if (twin) {
      faults.push({
        file: job.file,
        line: 1,
        what: `There is a job ${name} in ${twin.file} already: names are of the whole project.`,
      });
      continue;
    }
    const named = valueOf(job, 'dependencies') ?? valueOf(job, 'dependsOn');
    const needs = [
      ...new Set(
        (named ?? '')
          .split(',')
          .map((one) => one.trim())
          .filter((one) => one !== ''),
      ),
    ];
    jobs.set(name, { name, job, needs, file: job.file, line: 1 });
  }
  const properties = new PropertyNames();
  const needed = new Set([...jobs.values()].flatMap(({ needs }) => needs));
  const embedded = new Set([...jobs.values()].flatMap(({ job }) => valueOf(job, 'flow.name') ?? []));
  const ends = [...jobs.values()].filter(({ name }) => !needed.has(name));
  if (jobs.size > 0 && ends.length === 0)
    faults.push({
      file: files[0]!.file,
      line: 1,
      what: 'Each job of the project is needed by another: a circle, and no flow.',
    });
  let left = PROJECT_NODES_MAX;
  return ends.flatMap((end): AzkabanFlow[] => {
    if (left <= 0) return [];
    const values = new AzkabanValues(properties);
    const remarks: Remark[] = embedded.has(end.name)
      ? [
          {
            file: end.file,
            line: 1,
            what: `The flow ${end.name} is also a part of another, which has steps of its own for it.`,
          },
        ]
      : [];
    // Flows within flows within flows may come to more than anybody can hold.
    const budget = { left: jobLimits.jobStepsMax };
    const nodes = flowNodes(end.name, jobs, values, faults, [], budget);
    left -= jobLimits.jobStepsMax - budget.left;
    if (left <= 0)
      faults.push({
        file: end.file,
        line: 1,
        what: `The flows of the project come to more than ${PROJECT_NODES_MAX} nodes.`,
      });
    if (budget.left < 0) {
      faults.push({
        file: end.file,
        line: 1,
        what: `The flow ${end.name} comes to more than ${jobLimits.jobStepsMax} nodes, those of the flows in it counted.`,
      });
      return [];
    }
    return [{ name: end.name, file: end.file, nodes, values, shared: [], remarks }];
  });
}

/** All that the job needs, itself with them. */
function flowNodes(
  end: string,
  jobs: ReadonlyMap<string, NamedJob>,
  values: AzkabanValues,
  faults: Remark[],
  outer: readonly string[],
  budget: { left: number },
): SourceNode[] {
  const wanted = new Set([end]);
  const nodes: SourceNode[] = [];
  for (const name of wanted) {
    const named = jobs.get(name);
    // That it is missing is told by whoever puts the nodes in order.
    if (!named) continue;
    if (budget.left-- <= 0) break;
    for (const need of named.needs) wanted.add(need);
    const { job, needs, file, line } = named;
    const typed = values.properties.find([job.own, ...job.scope], 'type');
    if (typed) values.used.add(typed);
    const type = typed?.value.trim() ?? '';
    const same = { name, needs, rule: 'all-succeeded' as const, file, line };
    if (type !== 'flow') {
      nodes.push({
        ...same,
        ...nodeParts({ name, type, own: job.own, scope: [job.own, ...job.scope], file, line }, values),
      });
      continue;
    }
    const inner = valueOf(job, 'flow.name') ?? '';
    const fault = !jobs.has(inner)
      ? `It is the flow ${JSON.stringify(inner)}, and there is none of that name.`
      : [...outer, end].includes(inner)
        ? `The flow ${inner} is a part of itself.`
        : undefined;
    if (fault !== undefined) {
      faults.push({ file, line, what: fault });
      continue;
    }
    const { remarks } = nodeParts(
      { name, type: 'noop', own: job.own, scope: [job.own, ...job.scope], file, line },
      values,
    );
    const within = flowNodes(inner, jobs, values, faults, [...outer, end], budget);
    nodes.push({ ...same, does: { kind: 'flow', nodes: within }, remarks, refusals: [] });
  }
  return nodes;
}

function valueOf({ own }: JobFile, key: string): string | undefined {
  return own.findLast((property) => property.key === key)?.value.trim();
}
