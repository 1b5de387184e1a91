import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReportedOutcome } from '../protocol/link/agent-v1.ts';
import { decodeJournal, encodeRecord, Journal, type JournalRecord } from './journal.ts';
import { requiring } from '../../test/support/needs.ts';

const RUN = '01936f2e-0000-7000-8000-000000000000';
const report = {
  t: 'report' as const,
  a: `${RUN}.0.0.1`,
  outcome: { kind: 'exited' as const, code: 3 },
  finishedAtMs: 2,
  stdout: { size: 0, head: 0, tail: 0 },
  stderr: { size: 0, head: 0, tail: 0 },
};
const records: JournalRecord[] = [
  { k: 'accepted', a: `${RUN}.0.0.1`, atMs: 1, bootId: 'b', sealed: false, spec: Buffer.from([1, 2]) },
  {
    k: 'started',
    a: `${RUN}.0.0.1`,
    process: { pid: 5, startTicks: 6, supervisorPid: 4, bootId: 'b', startedAtMs: 7 },
  },
  { k: 'ended', a: `${RUN}.0.0.1`, report },
  { k: 'accepted', a: `${RUN}.0.1.1`, atMs: 1, bootId: 'b', sealed: true, spec: Buffer.from([3]) },
  { k: 'accepted', a: `${RUN}.0.2.1`, atMs: 1, bootId: 'b', sealed: false, spec: Buffer.from([4]) },
  { k: 'settled', a: `${RUN}.0.2.1`, atMs: 9 },
];

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-journal-'));
  path = join(folder, 'journal');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function open(): Promise<Journal> {
  const journal = new Journal(path, { tombstoneKeptMs: 1_000 });
  await journal.open(10);
  return journal;
}

async function fill(): Promise<void> {
  const journal = await open();
  await Promise.all(records.map((record) => journal.append(record)));
  await journal.close();
}

const DAY_MS = 86_400_000;

describe('the journal', () => {
  it('reads back what it promised', async () => {
    await fill();
    const journal = await open();
    expect([...journal.entries.keys()]).toEqual([`${RUN}.0.0.1`, `${RUN}.0.1.1`]);
    expect(journal.entries.get(`${RUN}.0.0.1`)).toMatchObject({
      started: { pid: 5 },
      report: { outcome: { kind: 'exited', code: 3 } },
    });
    expect(journal.tombstones.get(`${RUN}.0.2.1`)).toBe(9);
    await journal.close();
  });

  it('survives being cut off at any byte, and loses only what was not whole', async () => {
    await fill();
    const whole = readFileSync(path);
    for (let cut = 0; cut < whole.length; cut++) {
      writeFileSync(path, whole.subarray(0, cut));
      const journal = await open();
      await journal.append({
        k: 'accepted',
        a: `${RUN}.0.7.1`,
        atMs: 1,
        bootId: 'b',
        sealed: false,
        spec: Buffer.from([7]),
      });
      await journal.close();
      const again = await open();
      expect(again.entries.has(`${RUN}.0.7.1`)).toBe(true);
      await again.close();
    }
  });

  it('says so when it is damaged in the middle, at whatever byte, or is something else', async () => {
    await fill();
    const whole = readFileSync(path);
    const lastAt = whole.length - encodeRecord(records.at(-1)!).length;
    for (let at = 8; at < lastAt; at++)
      for (const bits of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= bits;
        expect(() => decodeJournal(damaged, path), `byte ${at}`).toThrow(/damaged at byte/);
      }
    expect(() => decodeJournal(Buffer.from('something else'), path)).toThrow(/not a journal/);
  });

  it('cuts off what a crash left behind the last record: zeros, of a file that was made longer first, or anything', async () => {
    await fill();
    const whole = readFileSync(path);
    for (const rest of [Buffer.alloc(1), Buffer.alloc(8), Buffer.alloc(9_000), Buffer.alloc(4_096, 0xde)]) {
      writeFileSync(path, Buffer.concat([whole, rest]));
      const journal = await open();
      expect([...journal.entries.keys()]).toEqual([`${RUN}.0.0.1`, `${RUN}.0.1.1`]);
      await journal.close();
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
  });

  it('keeps the tombstones of this start, whatever the wall clock does', async () => {
    const journal = new Journal(path, { tombstoneKeptMs: 1_000 });
    await journal.open(0);
    const spec = Buffer.alloc(3 * 1024 * 1024);
    for (const [n, atMs] of [9, DAY_MS, DAY_MS, DAY_MS, DAY_MS].entries()) {
      const a = `${RUN}.0.${n}.1`;
      await journal.append({ k: 'accepted', a, atMs, bootId: 'b', sealed: false, spec });
      await journal.append({ k: 'settled', a, atMs });
    }
    // Written anew on the way, or there was nothing to lose them by.
    expect(statSync(path).size).toBeLessThan(4 * spec.length);
    expect(journal.tombstones.size).toBe(5);
    await journal.close();
  });

  it('forgets tombstones only when no order can be valid any more', async () => {
    await fill();
    const journal = new Journal(path, { tombstoneKeptMs: 1_000 });
    await journal.open(2_000);
    expect(journal.tombstones.size).toBe(0);
    await journal.close();
  });

  it('stays small: what is dead is left behind', async () => {
    const journal = await open();
    const spec = Buffer.alloc(300_000);
    for (let i = 0; i < 40; i++) {
      await journal.append({ k: 'accepted', a: `${RUN}.0.${i}.1`, atMs: 1, bootId: 'b', sealed: false, spec });
      await journal.append({ k: 'settled', a: `${RUN}.0.${i}.1`, atMs: 5 });
    }
    await journal.close();
    expect(readFileSync(path).length).toBeLessThan(5_000_000);
    const again = await open();
    expect(again.tombstones.size).toBe(40);
    await again.close();
  });

  requiring('root').it(
    'refuses what a full disk does not take, believes nothing of it, and goes on by itself when there is space',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
      try {
        const journal = await open();
        const accepted = (n: number, bytes: number): JournalRecord => ({
          k: 'accepted',
          a: `${RUN}.0.${n}.1`,
          atMs: 1,
          bootId: 'b',
          sealed: false,
          spec: Buffer.alloc(bytes, n),
        });
        await journal.append(accepted(1, 10));
        // Fills the disk but for less than a record: its beginning fits, and a write that is cut short reports no error.
        const filling = join(folder, 'filling');
        expect(() => writeFileSync(filling, Buffer.alloc(252 * 1024 - 8_192))).not.toThrow();
        await expect(journal.append(accepted(2, 20_000))).rejects.toMatchObject({
          code: 'spool-full',
          message: expect.stringContaining(path) as string,
        });
        expect([...journal.entries.keys()]).toEqual([`${RUN}.0.1.1`]);
        // A record that was refused does not come back with a restart, not even in part.
        expect(decodeJournal(readFileSync(path), path).records).toHaveLength(1);
        expect(readFileSync(path).length).toBe(decodeJournal(readFileSync(path), path).validBytes);
        // Several at once: all of a batch that failed are refused.
        const both = await Promise.allSettled([journal.append(accepted(3, 20_000)), journal.append(accepted(4, 10))]);
        expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
        rmSync(filling);
        await journal.append(accepted(2, 20_000));
        await journal.close();
        const again = await open();
        expect([...again.entries.keys()]).toEqual([`${RUN}.0.1.1`, `${RUN}.0.2.1`]);
        expect(again.entries.get(`${RUN}.0.2.1`)!.accepted.spec).toHaveLength(20_000);
        await again.close();
      } finally {
        execFileSync('umount', [folder]);
      }
    },
  );

  /** Every kind of record, with such ends. */
  const everyKind = (outcomes: readonly ReportedOutcome[]): JournalRecord[] =>
    outcomes.flatMap((outcome, n): JournalRecord[] => {
      const a = `${RUN}.0.${n}.2`;
      const streams = {
        stdout: { size: 9, head: 2, tail: 3, digest: Buffer.from('digest'), inline: Buffer.from('abcde') },
        stderr: { size: 2 ** 33, head: 0, tail: 0 },
      };
      const found = { pid: 10 + n, startTicks: 2 ** 34, supervisorPid: 20 + n, startedAtMs: 1_700_000_000_001 };
      const times = { startedAtMs: 1, finishedAtMs: 2 };
      return [
        { k: 'accepted', a, atMs: 1_700_000_000_000 + n, bootId: 'boot', sealed: n % 2 === 0, spec: Buffer.from([n]) },
        { k: 'started', a, process: { ...found, bootId: 'boot' } },
        { k: 'ended', a, report: { t: 'report', a, outcome, detail: 'why', ...times, survivors: [7], ...streams } },
        { k: 'settled', a: `${RUN}.0.${n}.1`, atMs: 3 },
      ];
    });
  const fixtureOf = (name: string): URL => new URL(`../../test/fixtures/journals/${name}`, import.meta.url);

  it('still reads every kind of record and of end as it is written', () => {
    const killed = { kind: 'signalled', signal: 'SIGKILL' } as const;
    const every = everyKind([
      { kind: 'exited', code: 3 },
      killed,
      { ...killed, reason: 'output-limit' },
      { kind: 'timed_out', end: killed },
      { kind: 'cancelled', end: { kind: 'exited', code: 0 } },
      { kind: 'cancelled' },
      { kind: 'refused', reason: 'interpreter-missing' },
      { kind: 'unknown', reason: 'host-rebooted' },
    ]);
    const fixture = fixtureOf('v1-outcomes.bin');
    if (process.env.UPDATE && !existsSync(fixture))
      writeFileSync(fixture, Buffer.concat([Buffer.from('DROVERJ1'), ...every.map(encodeRecord)]));
    expect(decodeJournal(readFileSync(fixture), 'v1-outcomes.bin').records).toEqual(every);
  });

  it('still reads the ends that were written before an outcome was a value: each had exit code, signal and reason', () => {
    const every = everyKind([
      { kind: 'exited', code: 0 },
      { kind: 'signalled', signal: 'SIGKILL', reason: 'output-limit' },
      { kind: 'timed_out', end: { kind: 'exited', code: 2 } },
      { kind: 'cancelled', end: { kind: 'exited', code: 3 } },
      { kind: 'refused', reason: 'output-limit' },
      { kind: 'unknown', reason: 'output-limit' },
    ]);
    expect(decodeJournal(readFileSync(fixtureOf('v1-every-kind.bin')), 'v1-every-kind.bin').records).toEqual(every);
  });

  it('passes over records that a later version wrote, so that the way back from an upgrade is open', async () => {
    await fill();
    writeFileSync(path, encodeRecord({ k: 'of-tomorrow', a: `${RUN}.0.0.1`, x: 1 } as never), { flag: 'a' });
    const journal = await open();
    expect([...journal.entries.keys()]).toEqual([`${RUN}.0.0.1`, `${RUN}.0.1.1`]);
    await journal.append({ k: 'settled', a: `${RUN}.0.0.1`, atMs: 5 });
    await journal.close();
    expect([...(await open()).entries.keys()]).toEqual([`${RUN}.0.1.1`]);
  });

  it('still reads what version 1 wrote', () => {
    const { records: read } = decodeJournal(readFileSync(fixtureOf('v1.bin')), 'v1.bin');
    expect(read).toEqual(records);
  });
});
