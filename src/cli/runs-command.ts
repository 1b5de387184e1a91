/** `drover runs …`: what ran, what it did, again. */
import { allPages, dataOf, type Execution, type Run } from '@drover/sdk';
import type { Command } from 'commander';
import { EXIT, UsageError } from './exit.ts';
import { readOutput } from './follow.ts';
import { countsLine, createPaint, endingText, paintState, table, verdictLine } from './render.ts';
import { followToEnd, number, printResult } from './run-command.ts';
import { openSession, type Session } from './session.ts';

type ListFlags = { state?: string; name?: string; limit?: string; json?: boolean };
type OutputFlags = { host?: string; follow?: boolean; raw?: boolean; stream: string; full?: boolean; json?: boolean };
type RetryFlags = { failed?: boolean; lost?: boolean; timedOut?: boolean; notStarted?: boolean; cancelled?: boolean; skipped?: boolean; all?: boolean; json?: boolean; detach?: boolean };
const FETCH_BYTES = 1024 * 1024;

export function addRunsCommands(program: Command): void {
  const runs = program.command('runs').summary('list, show, watch, cancel and retry runs');
  runs.command('list').summary('list runs, newest first').option('--state <states>', 'such as running or failed,timed_out').option('--name <text>').option('-n, --limit <n>', 'how many', '20').option('-j, --json').action(list);
  runs.command('show').summary('show a run, its timeline and its executions').argument('<id>').option('-j, --json').action(show);
  runs.command('watch').summary('follow a run').argument('<id>').option('-j, --json').option('--live', 'show output as it comes').action(async (id: string, flags: { json?: boolean; live?: boolean }) => {
    const session = openSession();
    process.exitCode = await followToEnd(session, await fetchRun(session, id), flags);
  });
  runs.command('output').summary('show output, folded, or of one host').argument('<id>').option('--host <name>', 'one host').option('-f, --follow', 'live').option('--raw', 'exact bytes of one host and stream').option('--stream <stream>', 'stdout or stderr', 'stdout').option('--full', 'the whole, from the host itself').option('-j, --json').action(output);
  runs.command('cancel').summary('start nothing more and end what runs').argument('<id>').option('-j, --json').action(async (id: string, flags: { json?: boolean }) => {
    const run = dataOf(await openSession().client.POST('/api/v1/runs/{runId}/cancel', { params: { path: { runId: id } } }));
    process.stdout.write(flags.json ? `${JSON.stringify({ run })}\n` : `cancelling ${run.id}\n`);
  });
  runs.command('retry').summary('new attempts on the same hosts').argument('<id>').option('--failed').option('--lost').option('--timed-out').option('--not-started').option('--cancelled').option('--skipped').option('--all', 'every host of the run').option('-d, --detach').option('-j, --json').action(retry);
}

async function fetchRun(session: Session, runId: string): Promise<Run> {
  return dataOf(await session.client.GET('/api/v1/runs/{runId}', { params: { path: { runId } } }));
}

function executionsOf(session: Session, runId: string, host?: string): AsyncGenerator<Execution> {
  return allPages((cursor) => session.client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId }, query: { limit: 1_000, ...(host === undefined ? {} : { host }), ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf));
}

async function list(flags: ListFlags): Promise<void> {
  const { client } = openSession();
  const page = dataOf(await client.GET('/api/v1/runs', { params: { query: { limit: number('--limit', flags.limit) ?? 20, ...(flags.state ? { state: flags.state } : {}), ...(flags.name ? { name: flags.name } : {}) } } }));
  if (flags.json) return void process.stdout.write(`${JSON.stringify(page)}\n`);
  const paint = createPaint(process.stdout.isTTY === true);
  process.stdout.write(`${table(['ID', 'STATE', 'CREATED', 'HOSTS', 'NAME', 'COUNTS'], page.items.map((run) => [run.id, run.state, run.createdAt.slice(0, 19), String(run.hostCount), run.name.slice(0, 40), countsLine(run.counts, createPaint(false))]))}\n`);
  if (page.next) process.stdout.write(`${paint.dim('… more: --limit')}\n`);
}

async function show(id: string, flags: { json?: boolean }): Promise<void> {
  const session = openSession();
  const run = dataOf(await session.client.GET('/api/v1/runs/{runId}', { params: { path: { runId: id } } }));
  const timeline = dataOf(await session.client.GET('/api/v1/runs/{runId}/timeline', { params: { path: { runId: id }, query: { limit: 1_000 } } })).items;
  const executions = await Array.fromAsync(executionsOf(session, id));
  if (flags.json) return void process.stdout.write(`${JSON.stringify({ run, timeline, executions })}\n`);
  const paint = createPaint(process.stdout.isTTY === true);
  process.stdout.write(`${verdictLine(run, paint)}\nname     ${run.name}\nby       ${run.createdBy} at ${run.createdAt}${run.reason ? `\nreason   ${run.reason}` : ''}\ntargets  ${run.targets}\nround    ${run.round}\n\n`);
  for (const entry of timeline) process.stdout.write(`${entry.at.slice(11, 23)}  ${entry.kind.padEnd(14)} ${paint.dim(JSON.stringify(entry.detail))}\n`);
  process.stdout.write(`\n${table(['HOST', 'STATE', 'ATTEMPT', 'STDOUT', 'STDERR', 'DETAIL'], executions.map((e) => [e.host, endingText(e), String(e.attempt), String(e.stdout.size), String(e.stderr.size), e.detail ?? '']))}\n`);
}

async function output(id: string, flags: OutputFlags): Promise<void> {
  if (flags.stream !== 'stdout' && flags.stream !== 'stderr') throw new UsageError('--stream is stdout or stderr.');
  const session = openSession();
  const run = await fetchRun(session, id);
  const paint = createPaint(process.stdout.isTTY === true);
  if (flags.follow) return void (process.exitCode = await followToEnd(session, run, { live: true }));
  if (!flags.host) {
    if (!flags.raw && !flags.full) return printResult(session, run, paint, flags.json === true);
    const executions = await Array.fromAsync(executionsOf(session, id));
    if (executions.length !== 1) throw new UsageError('--raw and --full show one host: name it with --host.');
    return print(session, executions[0]!, flags, flags.stream);
  }
  const [execution] = await Array.fromAsync(executionsOf(session, id, flags.host));
  if (!execution) throw new UsageError(`Run ${id} has no host ${flags.host}.`);
  await print(session, execution, flags, flags.stream);
}

async function print(session: Session, execution: Execution, flags: OutputFlags, stream: 'stdout' | 'stderr'): Promise<void> {
  if (flags.full) return printWhole(session, execution, stream);
  const bytes = await readOutput(session, execution.runId, execution, stream, execution[stream].size);
  if (flags.raw) return void process.stdout.write(bytes);
  const paint = createPaint(process.stdout.isTTY === true);
  const { head, gap } = execution[stream];
  process.stdout.write(bytes.subarray(0, head));
  if (gap > 0) process.stdout.write(`\n${paint.yellow(`… ${gap} bytes left out here; they are on the host: --full`)}\n`);
  process.stdout.write(bytes.subarray(head));
  process.stderr.write(`${paintState(execution.state, paint, `${execution.host}: ${endingText(execution)}`)}\n`);
}

async function printWhole(session: Session, execution: Execution, stream: 'stdout' | 'stderr'): Promise<void> {
  const { runId, task, ordinal, attempt } = execution;
  for (let offset = 0; ; ) {
    const { data, response } = await session.client.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}/output', { params: { path: { runId, task, ordinal }, query: { stream, attempt, source: 'host', offset, length: FETCH_BYTES } }, parseAs: 'arrayBuffer' });
    const bytes = Buffer.from(data as unknown as ArrayBuffer);
    if (!process.stdout.write(bytes)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    offset += bytes.length;
    if (bytes.length === 0 || response.headers.get('drover-output-eof') === 'true') return;
  }
}

async function retry(id: string, flags: RetryFlags): Promise<void> {
  const chosen = { failed: flags.failed, lost: flags.lost, timed_out: flags.timedOut, not_started: flags.notStarted, cancelled: flags.cancelled, skipped: flags.skipped };
  const every = ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'not_started', 'lost'] as const;
  const states = flags.all ? [...every] : every.filter((state) => (chosen as Record<string, boolean | undefined>)[state]);
  if (states.length === 0) throw new UsageError('Say which: --failed, --lost, --timed-out, --not-started, --cancelled, --skipped, or --all.');
  const session = openSession();
  const run = dataOf(await session.client.POST('/api/v1/runs/{runId}/retry', { params: { path: { runId: id } }, body: { states } }));
  if (!flags.detach) return void (process.exitCode = await followToEnd(session, run, flags));
  process.stdout.write(flags.json ? `${JSON.stringify({ run })}\n` : `${run.id} round ${run.round}\n`);
  process.exitCode = EXIT.succeeded;
}
