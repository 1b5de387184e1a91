/** The result of a run: folded for people, one document for programs. Written piece by piece, however much it is. */
import { dataOf, type Execution, type Run } from '@drover/sdk';
import type { OutputForm } from '../command.ts';
import { jsonText } from '../form-text.ts';
import { note, out, paintOf, shownText } from '../out.ts';
import { verdictLine } from '../render.ts';
import { executionsOf, readKept } from './executions.ts';
import { foldedText, Likenesses, type FoldedGroup, type Kept } from './folded-text.ts';
import type { Session } from '../servers/session.ts';

const GROUPS_MAX = 100;
/** Executions whose output is read at once. */
const READ_AHEAD = 16;
/** Equal outputs are read once, up to so much of them. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;

/** Prints the folded output, unless it was shown live, and the verdict. */
export async function printFolded(session: Session, run: Run, shown: { readonly outputs: boolean }): Promise<void> {
  if (shown.outputs) await printGroups(session, run);
  note(verdictLine(run, paintOf('stderr')));
}

async function printGroups(session: Session, run: Run): Promise<void> {
  const paint = paintOf('stdout');
  const { items } = dataOf(
    await session.patient.GET('/api/v1/runs/{runId}/output-groups', {
      params: { path: { runId: run.id }, query: { groups: GROUPS_MAX } },
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
  { output, host }: { readonly output?: OutputForm; readonly host?: string },
): Promise<void> {
  if (output === 'name') return out(`${run.id}\n`);
  if (output === 'jsonl') return printExecutions(session, run, host, (text) => `${text}\n`);
  if (output === 'yaml') {
    // YAML has no end that could be written later: the executions are a list below their run.
    const { yamlText } = await import('../yaml-text.ts');
    await out(`${yamlText({ run })}executions:\n`);
    return printExecutions(
      session,
      run,
      host,
      (text) => `- ${yamlText(JSON.parse(text)).trimEnd().replaceAll('\n', '\n  ')}\n`,
    );
  }
  await out(`{"run":${jsonText(run)},"executions":[`);
  await printExecutions(session, run, host, (text, isFirst) => (isFirst ? text : `,${text}`));
  await out(']}\n');
}

/** Every execution, or that of one host, with its output. */
async function printExecutions(
  session: Session,
  run: Run,
  host: string | undefined,
  form: (text: string, isFirst: boolean) => string,
): Promise<void> {
  const outputs = new SharedOutputs(session);
  const pending: Promise<object>[] = [];
  let isFirst = true;
  const writeNext = async (): Promise<void> => {
    const text = jsonText(await pending.shift());
    await out(form(text, isFirst));
    isFirst = false;
  };
  for await (const execution of executionsOf(session, run.id, { host })) {
    const document = jsonExecution(execution, outputs);
    // Awaited in its turn; a failure before that is not unhandled.
    document.catch(() => undefined);
    pending.push(document);
    if (pending.length >= READ_AHEAD) await writeNext();
  }
  while (pending.length > 0) await writeNext();
}

async function jsonExecution(execution: Execution, outputs: SharedOutputs): Promise<object> {
  const [stdout, stderr] = await Promise.all([outputs.read(execution, 'stdout'), outputs.read(execution, 'stderr')]);
  const {
    host,
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
    ordinal,
    settledLate,
  } = execution;
  return {
    host,
    hostId,
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
