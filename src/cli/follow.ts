/** Follows a run to its end: a progress bar on a terminal, plain lines otherwise, failures as they come; then the folded result. */
import { allPages, dataOf, watchRun, type Execution, type Run } from '@drover/sdk';
import { systemClock } from '../base/clock.ts';
import { EXIT } from './exit.ts';
import { endingText, foldedText, paintState, progressLine, verdictLine, type FoldedGroup, type Paint } from './render.ts';
import type { Session } from './session.ts';

const FAILURES_SHOWN = 20;
const FAILED = new Set(['failed', 'timed_out', 'lost', 'not_started']);
const REDRAW_MS = 100;
const GROUPS_MAX = 100;

export interface FollowOptions { readonly session: Session; readonly paint: Paint; readonly json: boolean; readonly isTerminal: boolean; readonly live?: boolean; /** Resolves to what Ctrl-C decided. */ readonly after?: number }

/** The run as it ended; or undefined when the watcher detached. */
export async function followRun(run: Run, options: FollowOptions): Promise<Run | undefined> {
  const { session, paint, json, isTerminal } = options;
  const abort = new AbortController();
  const interrupts = onInterrupt(session, run.id, isTerminal && !json, abort);
  const bar = isTerminal && !json;
  let latest = run;
  let shown = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const say = (line: string): void => void (json || process.stderr.write(`${bar ? '\r\x1b[K' : ''}${line}\n`));
  const draw = (force: boolean): void => {
    if (!bar || (!force && systemClock.monotonicMs() - drawnAt < REDRAW_MS)) return;
    drawnAt = systemClock.monotonicMs();
    process.stderr.write(`\r\x1b[K${progressLine(latest.counts, latest.hostCount, process.stderr.columns || 80, paint)}`);
  };
  draw(true);
  try {
    for await (const event of watchRun(session.options, run.id, { signal: abort.signal, output: options.live === true, ...(options.after === undefined ? {} : { after: options.after }) })) {
      if (event.event === 'execution') {
        const { state, host } = event.data;
        if (FAILED.has(state) && shown++ < FAILURES_SHOWN) say(`${paintState(state, paint, '✗')} ${host}: ${endingText(event.data)}${event.data.detail ? ` (${event.data.detail})` : ''}`);
        if (shown === FAILURES_SHOWN + 1) say(paint.dim('… further failures are in the result'));
      } else if (event.event === 'output' && options.live) {
        process.stdout.write(prefixed(event.data.host, Buffer.from(event.data.base64, 'base64').toString(), paint));
      } else if (event.event === 'run' || event.event === 'end') {
        latest = event.data;
        if (event.event === 'end') return latest;
      }
      draw(false);
    }
    return undefined;
  } finally {
    interrupts.stop();
    if (bar) process.stderr.write('\r\x1b[K');
  }
}

function prefixed(host: string, text: string, paint: Paint): string {
  return text.replace(/\n$/, '').split('\n').map((line) => `${paint.dim(`${host} │`)} ${line}\n`).join('');
}

/** First Ctrl-C asks on a terminal, the second cancels; without a terminal the first cancels. */
function onInterrupt(session: Session, runId: string, asks: boolean, abort: AbortController): { stop(): void } {
  let presses = 0;
  const cancel = (): void => {
    process.stderr.write('\ncancelling …\n');
    session.client.POST('/api/v1/runs/{runId}/cancel', { params: { path: { runId } } }).catch((error: Error) => process.stderr.write(`${error.message}\n`));
  };
  const onKey = (key: Buffer): void => {
    const answer = key.toString().toLowerCase();
    if (answer.startsWith('d')) {
      process.stderr.write(`\ndetached; follow it with: drover runs watch ${runId}\n`);
      abort.abort();
    } else if (answer.startsWith('c')) cancel();
  };
  const onSignal = (): void => {
    if (++presses >= 2 || !asks) return cancel();
    process.stderr.write('\n[d]etach and let it run, or [c]ancel? (Ctrl-C again cancels) ');
    process.stdin.on('data', onKey);
    process.stdin.resume();
  };
  process.on('SIGINT', onSignal);
  return {
    stop() {
      process.off('SIGINT', onSignal);
      process.stdin.off('data', onKey);
      process.stdin.pause();
    },
  };
}

export function exitCodeOf(run: Run): number {
  return run.state === 'succeeded' ? EXIT.succeeded : EXIT.failed;
}

/** Prints the folded output and the verdict. */
export async function printFolded(session: Session, run: Run, paint: Paint): Promise<void> {
  const groups = dataOf(await session.client.GET('/api/v1/runs/{runId}/output-groups', { params: { path: { runId: run.id }, query: { groups: GROUPS_MAX } } }));
  const folded: FoldedGroup[] = [];
  for (const group of groups.items) {
    const [stdout, stderr] = [await readOutput(session, run.id, group.sample, 'stdout', group.stdout.size), await readOutput(session, run.id, group.sample, 'stderr', group.stderr.size)];
    folded.push({ ending: group, hosts: group.hosts, count: group.count, stdout: stdout.toString(), stderr: stderr.toString(), stdoutGap: group.stdout.gap, stderrGap: group.stderr.gap });
  }
  const text = foldedText(folded, paint);
  if (text !== '') process.stdout.write(`${text}\n`);
  if (groups.items.length === GROUPS_MAX) process.stdout.write(`${paint.dim('… more groups: drover runs output ID --host NAME')}\n`);
  process.stderr.write(`${verdictLine(run, paint)}\n`);
}

export async function readOutput(session: Session, runId: string, at: { task: number; ordinal: number; attempt?: number }, stream: 'stdout' | 'stderr', size: number): Promise<Buffer> {
  if (size === 0) return Buffer.alloc(0);
  const answer = await session.client.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}/output', { params: { path: { runId, task: at.task, ordinal: at.ordinal }, query: { stream, ...(at.attempt === undefined ? {} : { attempt: at.attempt }) } }, parseAs: 'arrayBuffer' });
  return Buffer.from(answer.data as unknown as ArrayBuffer);
}

/** The one document of `--json`: the run, and every execution with its output. */
export async function jsonDocument(session: Session, run: Run): Promise<object> {
  const executions: object[] = [];
  const outputs = new Map<string, Promise<Buffer>>();
  const list = allPages((cursor) => session.client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: run.id }, query: { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf));
  for await (const execution of list) executions.push(await jsonExecution(session, execution, outputs));
  return { run, executions };
}

async function jsonExecution(session: Session, execution: Execution, outputs: Map<string, Promise<Buffer>>): Promise<object> {
  const read = (stream: 'stdout' | 'stderr'): Promise<Buffer> => {
    const { digest, size } = execution[stream];
    // Equal outputs are read once.
    const key = digest ?? `${execution.ordinal} ${stream}`;
    let bytes = outputs.get(key);
    if (!bytes) outputs.set(key, (bytes = readOutput(session, execution.runId, execution, stream, size)));
    return bytes;
  };
  const [stdout, stderr] = [await read('stdout'), await read('stderr')];
  const { host, state, exitCode, signal, reason, detail, attempt, round, via, startedAt, finishedAt, hostId, ordinal } = execution;
  return {
    host, hostId, ordinal, state, exitCode: exitCode ?? null, signal: signal ?? null, reason, detail, attempt, round, via,
    ...encoded('stdout', stdout), stdoutSize: execution.stdout.size, stdoutGap: execution.stdout.gap, ...encoded('stderr', stderr), stderrSize: execution.stderr.size, stderrGap: execution.stderr.gap, startedAt: startedAt ?? null, finishedAt: finishedAt ?? null,
  };
}

function encoded(stream: 'stdout' | 'stderr', bytes: Buffer): object {
  const text = bytes.toString();
  const exact = Buffer.from(text).equals(bytes);
  return { [stream]: exact ? text : bytes.toString('base64'), [`${stream}Encoding`]: exact ? 'utf8' : 'base64' };
}
