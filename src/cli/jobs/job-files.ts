/**
 * The jobs of files that a command line names: several files, and several jobs in one. All of them are read and looked at before anything
 * is sent, by the same rules as the server's.
 */
import { jobLimits } from '../../base/job-limits.ts';
import { parseJob } from '../../domain/job/job-definition.ts';
import { jobTexts } from '../../domain/job/documents.ts';
import { planRun } from '../../domain/job/expand.ts';
import type { JobFault } from '../../domain/job/job-fault.ts';
import type { JobValues } from '../../domain/job/parameter.ts';
import type { JobDefinition } from '../../domain/job/job-shape.ts';
import type { InputFault } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import { UsageError } from '../exit.ts';
import { Faults, Inputs } from '../input.ts';
import { plainText } from '../text-width.ts';

export interface FileJob {
  /** `-` is standard input. */
  readonly file: string;
  /** As it stands in the file. */
  readonly text: string;
  /** Its name, and what it says; undefined while something is wrong with it. */
  readonly job?: string;
  readonly definition?: JobDefinition;
  /** With the lines of the file. */
  readonly faults: readonly JobFault[];
  readonly faultCount: number;
}

/** A file of several jobs has no more than as many of the largest would. */
const FILE_BYTES_MAX = 64 * jobLimits.jobBytesMax;

/** Throws where a file cannot be read, or holds no job. */
export function readJobs(files: readonly string[]): FileJob[] {
  const faults = new Faults();
  const inputs = new Inputs(faults);
  if (files.length === 0) faults.add('Say which job: FILE …, or - for standard input.');
  const jobs = files.flatMap((file): FileJob[] => {
    const text = inputs.text('the job', file, FILE_BYTES_MAX);
    if (text === undefined) return [];
    const parts = jobTexts(text);
    if (parts.length === 0)
      faults.add(`${file === '-' ? 'Standard input' : file} holds no job: nothing but blanks and comments.`);
    return parts.length > jobLimits.jobsPerCommandMax
      ? [...tooMany(faults)]
      : parts.map((part) => fileJob(file, part.text, part.linesBefore));
  });
  if (jobs.length > jobLimits.jobsPerCommandMax) tooMany(faults);
  faults.end();
  return jobs;
}

function tooMany(faults: Faults): [] {
  faults.add(`These are more than ${jobLimits.jobsPerCommandMax} jobs, the most of one command.`);
  return [];
}

function fileJob(file: string, text: string, linesBefore: number): FileJob {
  const parsed = parseJob(text);
  if (parsed.ok) {
    const { definition } = parsed;
    return { file, text, job: definition.job, definition, faults: [], faultCount: 0 };
  }
  const faults = parsed.faults.map((fault) => ({ ...fault, line: fault.line + linesBefore }));
  return { file, text, faults, faultCount: parsed.faultCount };
}

/** `file:line:column: code: what`, as compilers have it. */
export function faultLines({ file, faults, faultCount }: FileJob): string[] {
  const name = file === '-' ? 'standard input' : file;
  const lines = faults.map(({ line, column, code, detail }) =>
    plainText(`${name}:${line}:${column}: ${code}: ${detail}`),
  );
  return faultCount > faults.length ? [...lines, plainText(`${name}: and ${faultCount - faults.length} more`)] : lines;
}

/** What a start with these values would be refused for. */
export function startFaults(
  { definition }: FileJob,
  values: JobValues,
  targets: string | undefined,
): readonly InputFault[] {
  const planned = definition && planRun(definition, values, given({ targets }));
  return planned && !planned.ok ? planned.faults : [];
}

/** `FILE: param version: parameter-invalid: …`. */
export function startLines(file: string, faults: readonly InputFault[]): string[] {
  return faults.map(({ pointer, code, detail }) => {
    const where = pointer
      .replace(/^#\/params\//, 'param ')
      .replace(/^#\/secrets\//, 'secret ')
      .replace(/^#\//, '');
    return plainText(`${file === '-' ? 'standard input' : file}: ${where}: ${code}: ${detail}`);
  });
}

/** Those of one command, when each of them is right and has its own name. */
export function allValid(jobs: readonly FileJob[]): readonly (FileJob & { readonly job: string })[] {
  const lines = jobs.flatMap(faultLines);
  const seen = new Map<string, string>();
  for (const { file, job } of jobs) {
    if (job === undefined) continue;
    const before = seen.get(job);
    if (before !== undefined)
      lines.push(plainText(`${file}: job-name-twice: there is a job ${job} in ${before} before it`));
    seen.set(job, file);
  }
  if (lines.length > 0) throw new UsageError(`Nothing was applied.\n${lines.join('\n')}`);
  return jobs as readonly (FileJob & { readonly job: string })[];
}
