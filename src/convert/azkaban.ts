/**
 * Azkaban projects: `.job` files with their `.properties`, and flows of version 2.0 in YAML (`.flow`, `.project`). Each flow becomes a
 * job: of `.job` files it is named after the job that no other depends on.
 * Read by https://azkaban.readthedocs.io: createFlows, jobTypes, conditionalFlow.
 */
import {
  ConversionFault,
  type Conversion,
  type ConversionOptions,
  type ConvertedJob,
  type Remark,
  type SourceFile,
} from './conversion.ts';
import { jobNodes, type JobFile } from './azkaban-jobs.ts';
import { flowFile } from './azkaban-flow.ts';
import { leftOver, type Scope, type ScopedProperty } from './azkaban-properties.ts';
import { flattened } from './flow-graph.ts';
import { jobText } from './job-text.ts';
import { Names } from './names.ts';
import { parseProperties } from './properties.ts';

export function fromAzkaban(files: readonly SourceFile[], options: ConversionOptions): Conversion {
  const faults: Remark[] = [];
  const remarks: Remark[] = [];
  const ofKind = (kind: RegExp): readonly SourceFile[] => files.filter(({ path }) => kind.test(path));
  const properties = ofKind(/\.properties$/i).map((file) => ({ folder: folderOf(file.path), all: scoped(file) }));
  const scopeOf = (path: string): Scope => {
    const levels: ScopedProperty[][] = [];
    for (let folder: string | undefined = folderOf(path); folder !== undefined; folder = parentOf(folder))
      levels.push(properties.flatMap((one) => (one.folder === folder ? one.all : [])));
    return levels;
  };
  const flows = [
    ...ofKind(/\.flow$/i).map((file) => flowFile(file, faults)),
    ...jobNodes(
      ofKind(/\.job$/i).map((file): JobFile => ({ file: file.path, own: scoped(file), scope: scopeOf(file.path) })),
      faults,
    ),
  ];
  for (const { path } of files)
    if (!/\.(?:job|flow|project|properties)$/i.test(path))
      remarks.push({
        file: path,
        line: 1,
        what: 'This file of the project is not carried over: steps that need it on their hosts have to bring it there.',
      });
  for (const file of ofKind(/\.project$/i))
    if (!/azkaban-flow-version\s*:\s*['"]?2/.test(file.text))
      remarks.push({
        file: file.path,
        line: 1,
        what: 'It says no azkaban-flow-version of 2: flows are read as 2.0 all the same.',
      });
  if (flows.length === 0 && faults.length === 0)
    faults.push({
      file: files[0]?.path ?? '',
      line: 1,
      what: 'There is no .job and no .flow in it: nothing to convert.',
    });
  const names = Names.plain();
  const jobs: ConvertedJob[] = [];
  for (const flow of flows.flatMap((one) => one ?? [])) {
    const flat = flattened(flow.nodes, Names.plain());
    faults.push(...flat.faults);
    if (flat.faults.length > 0) continue;
    const own = [...flow.remarks, ...flat.remarks];
    if (flat.nodes.length === 0) {
      remarks.push(...own, {
        file: flow.file,
        line: 1,
        what: `The flow ${flow.name} does nothing: no job is made of it.`,
      });
      continue;
    }
    const {
      name,
      text,
      remarks: left,
    } = jobText(
      {
        name: names.of(`${flow.file} ${flow.name}`, flow.name),
        parameters: flow.values.parameters,
        nodes: flat.nodes,
        remarks: own,
      },
      flow.file,
      options,
    );
    jobs.push({ name, text });
    remarks.push(...own, ...flat.nodes.flatMap((node) => node.remarks), ...left);
  }
  if (faults.length > 0) throw new ConversionFault(faults);
  const read = flows.flatMap((flow) => flow ?? []);
  const used = new Set(read.flatMap(({ values }) => [...values.used]));
  for (const one of [...properties.flatMap(({ all }) => all), ...read.flatMap(({ shared }) => shared)])
    if (!used.has(one)) remarks.push(leftOver(one));
  return { jobs, remarks };
}

function scoped({ path, text }: SourceFile): ScopedProperty[] {
  return parseProperties(text).map((property) => ({ ...property, file: path }));
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

/** The folder '' is the outermost. */
function parentOf(folder: string): string | undefined {
  return folder === '' ? undefined : folderOf(folder);
}
