/**
 * What the ledger does of itself, whatever the engine, with one that only notes what is asked of it. With real engines it is tried by
 * test/conformance/ledger.ts, and under every kind of fault by the simulator.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOST, specOf } from '../../test/support/execution-spec.ts';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { until } from '../../test/support/until.ts';
import { othersTurn, systemClock } from '../base/clock.ts';
import { attemptId, newRunId, type AttemptId } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import type { CarriedWork } from '../domain/work/work.ts';
import type { ExecutionSpec } from '../protocol/link/agent-v1.ts';
import { report as reportShape } from '../protocol/link/common-shapes.ts';
import type {
  Absent,
  AcceptTrace,
  AttemptSink,
  Engine,
  ExecutionOrder,
  Held,
  Refusal,
  Remains,
  Trace,
  Unknown,
} from './engine.ts';
import { IncomingOutput } from './incoming-output.ts';
import { fits } from './fitting-words.ts';
import { Journal } from './journal.ts';
import { Ledger, type LedgerListener, type LedgerOptions } from './ledger.ts';
import { createMask, SharedMasks, type Mask } from './mask.ts';
import type { FinishedOutput, Outputs } from './outputs.ts';
import { TraceVault } from './trace-vault.ts';

const SECRET = 'correct horse battery staple';
const runId = newRunId(systemClock.nowMs());
let ordinal = 0;
const newAttempt = (): AttemptId => attemptId({ runId, task: 0, ordinal: ordinal++, attempt: 1 });
const work = specOf('true', { timeoutMs: 1_000, killAfterMs: 100, outputKeptBytes: 100 });

class NotingEngine implements Engine {
  readonly name = 'noting';
  kinds: readonly CarriedWork['kind'][] = ['script'];
  bootId = 'boot';
  readonly begun: string[] = [];
  readonly resumed: { attempt: string; trace: Trace }[] = [];
  readonly stopped: string[] = [];
  readonly sinks = new Map<string, AttemptSink>();
  isSecret = false;
  refusal: Refusal | undefined;
  answer: Absent | Unknown | undefined;
  remains: Remains | undefined;
  readonly abandoned: string[] = [];
  /** Falls over whatever it is given. */
  isBroken = false;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  traceOf(): AcceptTrace {
    return { bytes: Buffer.from(SECRET), isSecret: this.isSecret };
  }
  begin(attempt: AttemptId, _order: ExecutionOrder, _subject: unknown, sink: AttemptSink): Held | Refusal {
    this.begun.push(attempt);
    if (this.isBroken) throw new Error('out of order');
    return this.refusal ?? this.#hold(attempt, sink);
  }
  async resume(attempt: AttemptId, trace: Trace, sink: AttemptSink): Promise<Held | Absent | Unknown> {
    this.resumed.push({ attempt, trace });
    if (this.isBroken) throw new Error('out of order');
    return this.answer ?? this.#hold(attempt, sink);
  }
  async abandon(attempt: AttemptId): Promise<void> {
    this.abandoned.push(attempt);
  }
  reopen(): Remains | undefined {
    return this.remains;
  }

  #hold(attempt: string, sink: AttemptSink): Held {
    this.sinks.set(attempt, sink);
    return { stop: () => void this.stopped.push(attempt) };
  }
}

const NONE = { size: 0, head: 0, tail: 0 };
/** Nothing is ever written; a test may have it fail, or keep less than there was. */
class NoOutputs implements Outputs {
  finish: () => Promise<FinishedOutput> = async () => ({ stdout: NONE, stderr: NONE });
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  open(): void {}
  readonly watched: string[] = [];
  watch(attempt?: string, on?: boolean): void {
    if (on) this.watched.push(attempt!);
  }
  isWatched(): boolean {
    return false;
  }
  async readKept(): Promise<Uint8Array> {
    return new Uint8Array(0);
  }
  async readWhole(): Promise<undefined> {}
  async recorded(): Promise<void> {}
  async forget(): Promise<void> {}
}

let folder: string;
let files: MemoryFiles;
let engine: NotingEngine;
let outputs: NoOutputs;
let told: string[];
const ledgers: Ledger[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-ledger-'));
  [files, engine, outputs, told] = [new MemoryFiles(), new NotingEngine(), new NoOutputs(), []];
});
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function open(more: Partial<LedgerOptions> = {}): Promise<Ledger> {
  const ledger = new Ledger({
    engine,
    outputs,
    journal: { path: '/journal', files },
    attemptsMax: 10,
    clock: systemClock,
    log: silentLog,
    ...more,
  });
  const listener: LedgerListener = {
    started: (attempt) => void told.push(`started ${attempt}`),
    output() {},
    finished: (attempt) => void told.push(`finished ${attempt}`),
  };
  await ledger.start(listener);
  ledgers.push(ledger);
  return ledger;
}

/** As after a kill: the next ledger has the files and nothing else. */
async function again(more: Partial<LedgerOptions> = {}): Promise<Ledger> {
  await ledgers.pop()?.stop();
  engine = Object.assign(new NotingEngine(), {
    answer: engine.answer,
    remains: engine.remains,
    isBroken: engine.isBroken,
  });
  return open(more);
}

const end = (attempt: string): void => engine.sinks.get(attempt)!.ended({ outcome: { kind: 'exited', code: 0 } });

describe('a ledger', () => {
  it('begins an attempt once, however often and when it is given', async () => {
    const ledger = await open();
    const a = newAttempt();
    expect(await Promise.all([ledger.startAttempt(a, work, HOST), ledger.startAttempt(a, work, HOST)])).toEqual([
      'accepted',
      'accepted',
    ]);
    expect(await ledger.startAttempt(a, work, HOST)).toBe('accepted');
    end(a);
    await until('its end', () => ledger.report(a));
    expect(await ledger.startAttempt(a, work, HOST)).toBe('accepted');
    await ledger.forget([a]);
    expect(await ledger.startAttempt(a, work, HOST)).toBe('settled');
    expect(await (await again()).startAttempt(a, work, HOST)).toBe('settled');
    expect([engine.begun, ledger.list()]).toEqual([[], []]);
  });

  it('does not know of what its engine falls over, at the beginning and after a restart, and goes on with the others', async () => {
    const ledger = await open();
    const [first, second, third] = [newAttempt(), newAttempt(), newAttempt()];
    await ledger.startAttempt(first, work, HOST);
    engine.isBroken = true;
    await ledger.startAttempt(second, work, HOST);
    expect(await until('an end', () => ledger.report(second))).toMatchObject({
      outcome: { kind: 'unknown', reason: 'status-unknown' },
    });
    const next = await again();
    expect(await until('an end', () => next.report(first))).toMatchObject({
      outcome: { kind: 'unknown', reason: 'status-unknown' },
    });
    // Nobody has it in hand: what may run of it has been ended.
    expect(engine.abandoned).toContain(first);
    engine.isBroken = false;
    await next.startAttempt(third, work, HOST);
    end(third);
    expect(await until('an end', () => next.report(third))).toMatchObject({ outcome: { kind: 'exited' } });
  });

  it('records an end that no server would take as one that nobody knows, and tells no such start', async () => {
    const ledger = await open();
    const a = newAttempt();
    await ledger.startAttempt(a, work, HOST);
    engine.sinks.get(a)!.started({ pid: Number.NaN, atMs: 1 }, {});
    engine.sinks.get(a)!.ended({ outcome: { kind: 'exited', code: 0 }, finishedAtMs: 5.5, survivors: [Number.NaN] });
    const report = await until('its end', () => ledger.report(a));
    expect(report).toMatchObject({ outcome: { kind: 'unknown', reason: 'status-unknown' }, stdout: NONE });
    expect([fits(reportShape, report), told]).toEqual([true, [`finished ${a}`]]);
  });

  it('mends what an earlier program has recorded and no server takes', async () => {
    const journal = new Journal('/journal', { tombstoneKeptMs: 1, files });
    await journal.open(0);
    const [ended, running] = [newAttempt(), newAttempt()];
    const broken = {
      outcome: { kind: 'exited', code: 0 },
      finishedAtMs: Number.NaN,
      stdout: NONE,
      stderr: NONE,
    } as const;
    for (const a of [ended, running])
      await journal.append({ k: 'accepted', a, atMs: 1, bootId: 'boot', sealed: false, spec: Buffer.from('x') });
    await journal.append({ k: 'ended', a: ended, report: { t: 'report', a: ended, ...broken } });
    await journal.append({ k: 'started', a: running, process: { pid: Number.NaN, startedAtMs: 100.5 } });
    await journal.close();
    const ledger = await open();
    const report = (await ledger.report(ended))!;
    expect(report).toMatchObject({ outcome: { kind: 'unknown', reason: 'status-unknown' } });
    expect([fits(reportShape, report), ledger.startOf(running)]).toEqual([true, undefined]);
  });

  it('has accepted on the disk before it begins, and tells no end before that is there', async () => {
    const kept = async (): Promise<string> => (await files.read('/journal')).toString('latin1');
    const ledger = await open();
    const a = newAttempt();
    let keptAtBegin = '';
    const begin = engine.begin.bind(engine);
    const seen: Promise<void>[] = [];
    engine.begin = (...order) => {
      seen.push(kept().then((text) => void (keptAtBegin = text)));
      return begin(...order);
    };
    await ledger.startAttempt(a, work, HOST);
    await Promise.all(seen);
    expect(keptAtBegin).toContain(a);
    let finish: () => void = () => undefined;
    outputs.finish = () => new Promise((resolve) => (finish = () => resolve({ stdout: NONE, stderr: NONE })));
    end(a);
    await othersTurn();
    expect([told, await ledger.report(a), ledger.stateOf(a)]).toEqual([[], undefined, 'accepted']);
    finish();
    await until('it to be told', () => told.length > 0);
    expect(await kept()).toContain('exited');
  });

  it('lets so many begin at once, the oldest first, and the next as soon as one has ended', async () => {
    const ledger = await open({ concurrent: 2 });
    const attempts = Array.from({ length: 4 }, newAttempt) as [AttemptId, AttemptId, AttemptId, AttemptId];
    for (const a of attempts) await ledger.startAttempt(a, work, HOST);
    expect(engine.begun).toEqual(attempts.slice(0, 2));
    // One that waits never begins when it is cancelled.
    expect(ledger.cancel(attempts[2])).toBe(true);
    end(attempts[0]);
    expect(engine.begun).toEqual([attempts[0], attempts[1], attempts[3]]);
    expect(await until('its end', () => ledger.report(attempts[2]))).toMatchObject({
      outcome: { kind: 'cancelled' },
      detail: 'Cancelled before it began.',
    });
    expect(ledger.load()).toEqual({ running: 2, unreported: 4 });
  });

  it('remembers that somebody watches for attempts that are here, and for no others', async () => {
    const ledger = await open();
    const [here, elsewhere] = [newAttempt(), newAttempt()];
    ledger.watch(elsewhere, true);
    const starting = ledger.startAttempt(here, work, HOST);
    ledger.watch(here, true);
    await starting;
    ledger.watch(here, true);
    expect(outputs.watched).toEqual([here, here]);
  });

  it('holds no more than it may, ended ones that the server does not have included', async () => {
    const ledger = await open({ attemptsMax: 1 });
    const a = newAttempt();
    await ledger.startAttempt(a, work, HOST);
    end(a);
    await until('its end', () => ledger.report(a));
    expect(await ledger.startAttempt(newAttempt(), work, HOST)).toBe('busy');
    await ledger.forget([a]);
    expect(await ledger.startAttempt(newAttempt(), work, HOST)).toBe('accepted');
  });

  it('ends what is cancelled while it is being accepted before it begins, and passes on every later cancel', async () => {
    const ledger = await open();
    const [early, late] = [newAttempt(), newAttempt()];
    const accepting = ledger.startAttempt(early, work, HOST);
    expect(ledger.cancel(early)).toBe(true);
    await accepting;
    await ledger.startAttempt(late, work, HOST);
    for (let n = 0; n < 2; n++) ledger.cancel(late);
    expect([engine.begun, engine.stopped]).toEqual([[late], [late, late]]);
    expect(ledger.cancel(newAttempt())).toBe(false);
    expect(await until('its end', () => ledger.report(early))).toMatchObject({ outcome: { kind: 'cancelled' } });
  });

  it('asks its engine for no work of a kind that this does not name, and refuses it', async () => {
    engine.kinds = [];
    const ledger = await open();
    const a = newAttempt();
    expect(await ledger.startAttempt(a, work, HOST)).toBe('accepted');
    expect((await until('its end', () => ledger.report(a))).outcome).toEqual({
      kind: 'refused',
      reason: 'work-kind-unknown',
    });
    expect(engine.begun).toEqual([]);
  });

  it('begins nothing that was journaled before work had kinds, and says that nothing ran', async () => {
    const first = await open();
    const a = newAttempt();
    await first.startAttempt(a, work, HOST);
    await first.stop();
    const { work: _work, ...flat } = work;
    engine.answer = { absent: flat as ExecutionSpec, subject: HOST };
    engine.begun.length = 0;
    const next = await open();
    expect((await until('its end', () => next.report(a))).outcome).toEqual({
      kind: 'refused',
      reason: 'work-kind-unknown',
    });
    expect(engine.begun).toEqual([]);
  });

  it('believes the first end alone, and nothing that comes after it', async () => {
    const ledger = await open();
    const a = newAttempt();
    await ledger.startAttempt(a, work, HOST);
    end(a);
    engine.sinks.get(a)!.ended({ outcome: { kind: 'unknown', reason: 'status-unknown' } });
    engine.sinks.get(a)!.started({ pid: 2, atMs: 1 }, {});
    expect(await until('its end', () => ledger.report(a))).toMatchObject({ outcome: { kind: 'exited' } });
    await othersTurn();
    expect([told, ledger.startOf(a)]).toEqual([[`finished ${a}`], undefined]);
  });

  it('reports what an engine refuses', async () => {
    engine.refusal = { refused: 'user-unknown', detail: 'Nobody.' };
    const ledger = await open();
    const a = newAttempt();
    expect(await ledger.startAttempt(a, work, HOST)).toBe('accepted');
    expect(await until('its end', () => ledger.report(a))).toMatchObject({
      outcome: { kind: 'refused', reason: 'user-unknown' },
      detail: 'Nobody.',
    });
  });

  it('records an end again until it can, and leaves it to the next when it is stopped before', async () => {
    const ledger = await open();
    const [a, b] = [newAttempt(), newAttempt()];
    for (const each of [a, b]) await ledger.startAttempt(each, work, HOST);
    let failures = 1;
    outputs.finish = async () => {
      if (failures-- > 0) throw new Error('no space');
      return { stdout: NONE, stderr: NONE };
    };
    end(a);
    await until('its end', () => ledger.report(a));
    failures = Number.POSITIVE_INFINITY;
    end(b);
    await othersTurn();
    await again();
    expect(engine.resumed.map(({ attempt }) => attempt)).toEqual([b]);
    expect(told).toEqual([`finished ${a}`]);
  });

  it('hands its traces back after a restart, and goes on with what is in hand', async () => {
    const ledger = await open();
    const [a, b] = [newAttempt(), newAttempt()];
    for (const each of [a, b]) await ledger.startAttempt(each, work, HOST);
    engine.sinks.get(a)!.started({ pid: 7, atMs: 9 }, { ticks: 3 });
    const next = await again();
    expect(engine.resumed).toMatchObject([
      {
        attempt: a,
        trace: {
          bootId: 'boot',
          accepted: Buffer.from(SECRET),
          start: { pid: 7, atMs: 9 },
          started: { ticks: 3 },
        },
      },
      { attempt: b, trace: { bootId: 'boot' } },
    ]);
    expect(engine.resumed[1]!.trace.start).toBeUndefined();
    expect([next.stateOf(a), next.startOf(a), next.stateOf(b)]).toEqual(['running', { pid: 7, atMs: 9 }, 'accepted']);
    next.cancel(a);
    expect(engine.stopped).toEqual([a]);
    end(a);
    expect(await until('its end', () => next.report(a))).toMatchObject({ outcome: { kind: 'exited' } });
  });

  it('begins what never began, as there is room, and gives up what nobody can tell of', async () => {
    const ledger = await open({ concurrent: 1 });
    const [a, b] = [newAttempt(), newAttempt()];
    for (const each of [a, b]) await ledger.startAttempt(each, work, HOST);
    engine.answer = { absent: work, subject: HOST };
    await again({ concurrent: 1 });
    expect(engine.begun).toEqual([a]);
    engine.answer = { unknown: 'host-rebooted', detail: 'Gone.' };
    const last = await again();
    for (const each of [a, b])
      expect(await until('its end', () => last.report(each))).toMatchObject({
        outcome: { kind: 'unknown', reason: 'host-rebooted' },
        detail: 'Gone.',
      });
    expect(engine.begun).toEqual([]);
  });

  it('says to what is left of an attempt that its end is recorded, and that it is forgotten, each once', async () => {
    const said: string[] = [];
    const remains = (of: string): Remains => ({
      recorded: (isWhole) => void said.push(`${of} recorded ${isWhole}`),
      forgotten: () => void said.push(`${of} forgotten`),
    });
    outputs.finish = async () => ({ stdout: { size: 9, head: 2, tail: 2 }, stderr: NONE });
    const ledger = await open();
    const [a, b] = [newAttempt(), newAttempt()];
    for (const each of [a, b]) {
      await ledger.startAttempt(each, work, HOST);
      engine.sinks.get(each)!.ended({ outcome: { kind: 'exited', code: 0 } }, remains('first'));
      await until('its end', () => ledger.report(each));
    }
    await ledger.forget([a, a]);
    engine.remains = remains('next');
    await (await again()).forget([b]);
    expect(said).toEqual(['first recorded false', 'first recorded false', 'first forgotten', 'next forgotten']);
  });

  it('seals what an engine calls secret, for that attempt alone, and takes none where it has no vault', async () => {
    engine.isSecret = true;
    const a = newAttempt();
    const bare = await open();
    await expect(bare.startAttempt(a, work, HOST)).rejects.toThrow(/keeps no secrets/);
    expect([bare.stateOf(a), engine.begun]).toEqual([undefined, []]);
    const vault = new TraceVault(join(folder, 'key'));
    const ledger = await again({ vault });
    engine.isSecret = true;
    await ledger.startAttempt(a, work, HOST);
    expect((await files.read('/journal')).toString('latin1')).not.toContain(SECRET);
    await again({ vault: new TraceVault(join(folder, 'key')) });
    expect(engine.resumed[0]!.trace.accepted).toEqual(Buffer.from(SECRET));
    // The key is another one: what ran is ended before its end is told.
    const other = await again({ vault: new TraceVault(join(folder, 'another-key')) });
    expect(await until('its end', () => other.report(a))).toMatchObject({
      outcome: { kind: 'unknown', reason: 'status-unknown' },
      detail: expect.stringContaining('none of its output is told'),
    });
    expect([engine.resumed, engine.abandoned]).toEqual([[], [a]]);
    const sealed = vault.seal(a, Buffer.from(SECRET));
    expect(() => vault.open(newAttempt(), sealed)).toThrow();
  });
});

it('makes no end of output that was cut off because the ledger stopped', async () => {
  const stopping = new AbortController();
  const output = new IncomingOutput({
    path: join(folder, 'a'),
    keptBytes: 100,
    mask: new SharedMasks().of([]),
    clock: systemClock,
    log: silentLog,
    stopping: stopping.signal,
    onLive: () => undefined,
  });
  await output.take(1, 0, Buffer.from('here'));
  stopping.abort();
  await output.take(1, 4, Buffer.from('and not here'));
  await expect(output.finish()).rejects.toThrow(/cut off/);
});

it('keeps nothing of output before it is known what to mask, and then all of it', async () => {
  let known = (_mask: Mask): void => undefined;
  const output = new IncomingOutput({
    path: join(folder, 'b'),
    keptBytes: 100,
    mask: new Promise((resolve) => (known = resolve)),
    clock: systemClock,
    log: silentLog,
    stopping: new AbortController().signal,
    onLive: () => undefined,
  });
  const taken = [output.take(1, 0, Buffer.from('it is hun')), output.take(1, 9, Buffer.from('ter2 and hunt'))];
  const finished = output.finish();
  await new Promise((resolve) => setImmediate(resolve));
  expect([output.received.stdout, output.kept[1].size]).toEqual([22, 0]);
  known(createMask(['hunter2']));
  await Promise.all([...taken, finished]);
  expect((await output.kept[1].read(0, 100)).toString()).toBe('it is ****** and hunt');
});
