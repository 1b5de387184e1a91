/** The result of a run: folded for people, one document for programs. Written piece by piece, however much it is. */
import { dataOf, type Execution, type Run } from '@drover/sdk';
import { given } from '../../base/given.ts';
import type { OutputForm } from '../command.ts';
import { plainText } from '../text-width.ts';
import { jsonText } from '../form-text.ts';
import { note, out, paintOf, shownText } from '../out.ts';
import { stateWord, verdictLine } from '../render.ts';
import { executionsOf, readKept } from './executions.ts';
import { foldedText, Likenesses, type FoldedGroup, type Kept } from './folded-text.ts';
import type { Session } from '../servers/session.ts';
import type { ValuesBeside } from './values.ts';

const GROUPS_MAX = 100;
/** Executions whose output is read at once. */
const READ_AHEAD = 16;
/** Equal outputs are read once, up to so much of them. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;

/** Prints the folded output, unless it was shown live, and the verdict. */
export async function printFolded(
  session: Session,
  run: Run,
  shown: { readonly outputs: boolean; readonly task?: number },
): Promise<void> {
  if (run.job !== undefined) await printSteps(session, run, shown);
  else if (shown.outputs) await printGroups(session, run);
  note(verdictLine(run, paintOf('stderr')));
}

/** Step by step, in the order of the job: how far each has come, and what it said. */
async function printSteps(
  session: Session,
  run: Run,
  { outputs, task: only }: { readonly outputs: boolean; readonly task?: number },
): Promise<void> {
  const { runDetail, namesIn } = await import('./run-steps.ts');
  const { stageLines } = await import('./stage-text.ts');
  const detail = await runDetail(session, run.id);
  const paint = paintOf('stdout');
  for (const [task, name] of outputs ? namesIn(detail) : []) {
    const step = detail.stages!.flatMap(({ steps }) => steps).find((one) => one.task === task)!;
    const hasRun = Object.values(step.counts).some((count) => count > 0);
    if (!hasRun || (only !== undefined && task !== only)) continue;
    await out(`${paint.bold(`— ${plainText(name)}: ${stateWord(step.state)} —`)}\n`);
    await printGroups(session, run, task);
  }
  if (only === undefined) note(stageLines(detail, false).join('\n'));
}

async function printGroups(session: Session, run: Run, task?: number): Promise<void> {
  const paint = paintOf('stdout');
  const { items } = dataOf(
    await session.patient.GET('/api/v1/runs/{runId}/output-groups', {
      params: { path: { runId: run.id }, query: { groups: GROUPS_MAX, ...given({ task }) } },
    }),
  );
  const likenesses = new Likenesses();
  for (const group of items) {
    const sample = { ...group.sample, runId: run.id, stdout: group.stdout, stderr: group.stderr };
    const folded = {
      ending: group,
      hosts: group.hosts,
      count: group.count,
      stdout: await readKept(session, sample, 'stdout'),
      stderr: await readKept(session, sample, 'stderr'),
    };
    const text = (more: Partial<FoldedGroup>): string =>
      foldedText({ ...folded, ...more }, paint, (bytes) => shownText(bytes, 'stdout'));
    const difference = likenesses.difference(text({ hosts: [], count: 0 }), folded);
    await out(`${text({ difference })}\n`);
  }
  if (items.length === GROUPS_MAX)
    await out(
      `${paint.dim(`… these are ${GROUPS_MAX} of more groups; one host at a time: drover runs output ${run.id} --host NAME`)}\n`,
    );
}

/** For a program: one document, an execution a line, or names alone. */
export async function printMachine(
  session: Session,
  run: Run,
  { output, host, task }: { readonly output?: OutputForm; readonly host?: string; readonly task?: number },
): Promise<void> {
  if (output === 'name') return out(`${run.id}\n`);
  if (output === 'jsonl') return printExecutions(session, run, { host, task }, (text) => `${text}\n`);
  if (output === 'yaml') {
    // YAML has no end that could be written later: the executions are a list below their run.
    const { yamlText } = await import('../yaml-text.ts');
    await out(`${yamlText({ run })}executions:\n`);
    return printExecutions(
      session,
      run,
      { host, task },
      (text) => `- ${yamlText(JSON.parse(text)).trimEnd().replaceAll('\n', '\n  ')}\n`,
    );
  }
  await out(`{"run":${jsonText(run)},"executions":[`);
  await printExecutions(session, run, { host, task }, (text, isFirst) => (isFirst ? text : `,${text}`));
  await out(']}\n');
}

/** Every execution, or that of one host, with its output. */
async function printExecutions(
  session: Session,
  run: Run,
  of: { readonly host: string | undefined; readonly task: number | undefined },
  form: (text: string, isFirst: boolean) => string,
): Promise<void> {
  const outputs = new SharedOutputs(session);
  const told = await import('./values.ts');
  const values = new told.ValuesBeside(told.valuesOf(session, run.id, of));
  const pending: Promise<object>[] = [];
  let isFirst = true;
  const writeNext = async (): Promise<void> => {
    const text = jsonText(await pending.shift());
    await out(form(text, isFirst));
    isFirst = false;
  };
  for await (const execution of executionsOf(session, run.id, of)) {
    const document = jsonExecution(execution, outputs, await values.of(execution));
    // Awaited in its turn; a failure before that is not unhandled.
    document.catch(() => undefined);
    pending.push(document);
    if (pending.length >= READ_AHEAD) await writeNext();
  }
  while (pending.length > 0) await writeNext();
}

async function jsonExecution(
  execution: Execution,
  outputs: SharedOutputs,
  told: Awaited<ReturnType<ValuesBeside['of']>>,
): Promise<object> {
  const [stdout, stderr] = await Promise.all([outputs.read(execution, 'stdout'), outputs.read(execution, 'stderr')]);
  const {
    host,
    item,
    state,
    outcome,
    reason,
    detail,
    attempt,
    round,
    executor,
    startedAt,
    finishedAt,
    hostId,
    task,
    ordinal,
    settledLate,
  } = execution;
  return {
    host,
    hostId,
    item,
    task,
    ordinal,
    state,
    outcome: outcome ?? null,
    reason,
    detail,
    attempt,
    round,
    executor: executor ?? null,
    settledLate,
    ...encoded('stdout', stdout.bytes),
    stdoutSize: execution.stdout.size,
    stdoutGap: stdout.gap,
    ...encoded('stderr', stderr.bytes),
    stderrSize: execution.stderr.size,
    stderrGap: stderr.gap,
    ...told,
    startedAt: startedAt ?? null,
    finishedAt: finishedAt ?? null,
  };
}

/** Text when it is text; its exact bytes otherwise, marked so. */
function encoded(stream: 'stdout' | 'stderr', bytes: Buffer): object {
  const text = bytes.toString();
  const isText = Buffer.from(text).equals(bytes);
  return { [stream]: isText ? text : bytes.toString('base64'), [`${stream}Encoding`]: isText ? 'utf8' : 'base64' };
}

class SharedOutputs {
  readonly #session: Session;
  readonly #byDigest = new Map<string, Promise<Kept>>();
  #heldBytes = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  read(execution: Execution, stream: 'stdout' | 'stderr'): Promise<Kept> {
    const { digest, size } = execution[stream];
    const known = digest === undefined ? undefined : this.#byDigest.get(digest);
    if (known) return known;
    const kept = readKept(this.#session, execution, stream);
    if (digest !== undefined && this.#heldBytes + size <= HELD_BYTES_MAX) {
      this.#byDigest.set(digest, kept);
      this.#heldBytes += size;
    }
    return kept;
  }
}
