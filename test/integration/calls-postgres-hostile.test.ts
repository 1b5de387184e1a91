/** Whoever answers in the place of a PostgreSQL: nothing that it says has a call take more than it may, give more than it must, or never end. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callLimits } from '../../src/base/call-limits.ts';
import type { SqlWork } from '../../src/domain/work/sql.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { callRig, sqlWork, type CallRig } from '../support/call-rig.ts';
import {
  letIn,
  message,
  ONE_COLUMN,
  playedPostgres,
  READY,
  row,
  tag,
  WELCOME,
  type PlayedPostgres,
} from '../support/played-postgres.ts';
import { until } from '../support/until.ts';

const SECRET = 'correct horse battery';
let rig: CallRig;
beforeAll(async () => {
  rig = await callRig({ allow: '127.0.0.1' });
});
afterAll(() => rig.end());

const stderr = (report: AgentReport): string => Buffer.from(report.stderr.inline ?? []).toString();
type Answer = Parameters<typeof playedPostgres>[0];

async function asked(
  answer: Answer,
  more: Partial<SqlWork> = {},
  order: { timeoutMs?: number; outputKeptBytes?: number } = {},
): Promise<AgentReport & Pick<PlayedPostgres, 'said'>> {
  const far = await playedPostgres(answer);
  const work = sqlWork(`postgres://u@127.0.0.1:${far.port}/d`, 'SELECT 1', more);
  const report = await rig.run(work, { secrets: { PASSWORD: SECRET }, ...order });
  await far.end();
  return { ...report, said: far.said };
}

/** As fast as it is taken, for as long as anybody listens. */
function flood(socket: Socket, piece: Buffer): void {
  if (socket.listenerCount('drain') > 0) return;
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}
const complete = (socket: Socket, rows: readonly Buffer[] = []): void =>
  void socket.write(
    Buffer.concat([message('1'), message('2'), ONE_COLUMN, ...rows, message('C', `SELECT ${rows.length}`)]),
  );

describe('whoever answers in the place of a database', () => {
  it('plays its part in these tests', async () => {
    const report = await asked(
      letIn((socket, said) => (said.at(-5) === 0x53 ? socket.write(READY) : complete(socket, [row('a')]))),
    );
    expect([report.outcome, Buffer.from(report.stdout.inline!).toString()]).toEqual([
      { kind: 'rows', rows: 1 },
      '{"c":"a"}\n',
    ]);
  });

  it.each([
    ['offers no TLS', 'N', 'it offers no TLS'],
    ['says more than that it does', 'SELECT', 'does not speak as PostgreSQL does'],
    ['speaks of something else', 'HTTP/1.1 400', 'does not speak as PostgreSQL does'],
  ])('%s is told nothing', async (_what, answer, words) => {
    const report = await asked((socket) => void socket.write(answer), { tls: {} });
    expect(report).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-unreachable' },
      detail: expect.stringContaining(words),
    });
    expect(report.said.map((bytes) => bytes.length)).toEqual([8]);
  });

  it.each([['in clear', { isInClear: true } as const]])(
    'that asks for the password in clear gets none, %s',
    async (_how, tls) => {
      const report = await asked((socket) => void socket.write(message('R', 3)), { tls });
      expect(report).toMatchObject({ outcome: { kind: 'refused', reason: 'call-not-allowed' } });
      expect(Buffer.concat(report.said).includes(SECRET)).toBe(false);
    },
  );

  it('that asks for much reckoning is not reckoned for', async () => {
    const report = await asked((socket, said, before) => {
      if (before === 0) return void socket.write(message('R', 10, 'SCRAM-SHA-256', Buffer.from([0])));
      const nonce = /r=([^,]+)/.exec(said.toString('latin1'))![1]!;
      socket.write(
        message('R', 11, Buffer.from(`r=${nonce}x,s=${Buffer.from('salt').toString('base64')},i=2000000000`)),
      );
    });
    expect(report.outcome).toEqual({ kind: 'faulted', reason: 'call-broken' });
  });

  it.each([
    ['rows without end', Buffer.concat(Array.from({ length: 64 }, () => row('x'.repeat(1_000))))],
    ['notices without end', message('N', Buffer.from('SNOTICE\0C00000\0M'), 'x'.repeat(50_000), Buffer.from([0]))],
    ['news of others without end', message('A', 1, 'c', 'x'.repeat(50_000))],
    ['settings without end', message('S', 'a', 'x'.repeat(50_000))],
    ['one row without end', Buffer.alloc(65_536, 'x')],
  ])('that says %s is heard so far and no further', async (what, piece) => {
    let isComplete = false;
    const report = await asked(
      letIn((socket) => {
        // Once: who says it again is heard no more.
        if (!isComplete) complete(socket, []);
        isComplete = true;
        if (what.startsWith('one row')) {
          const head = Buffer.alloc(5);
          head.write('D');
          head.writeUInt32BE(0xffff_fff0, 1);
          socket.write(head);
        }
        flood(socket, piece);
      }),
      { rowsMax: callLimits.sqlRowsMax },
      { outputKeptBytes: 1_000 },
    );
    expect(report.outcome).toEqual({ kind: 'faulted', reason: 'output-limit' });
  });

  it.each([
    ['before it is let in', (socket: Socket): void => flood(socket, message('S', 'a', 'x'.repeat(50_000)))],
    ['with rows that nobody has asked for', (socket: Socket): void => void socket.write(row('x'))],
    ['with what is no message', (socket: Socket): void => void socket.write(message('?', 'x'))],
    [
      'with a message that is shorter than it says',
      (socket: Socket): void => void socket.write(Buffer.concat([WELCOME, message('T', Buffer.from([0xff, 0xff]))])),
    ],
    ['with a row of no columns', (socket: Socket): void => void socket.write(message('D', Buffer.from([0, 9])))],
    ['with a message of no length', (socket: Socket): void => void socket.write(Buffer.from('R\0\0\0\0rest'))],
    ['with half of one', (socket: Socket): void => void socket.end(WELCOME.subarray(0, 4))],
    ['with nothing', (socket: Socket): void => void socket.end()],
  ])('ends it, %s', async (_what, speak) => {
    const { outcome } = await asked(speak, {}, { timeoutMs: 10_000 });
    expect(outcome).toMatchObject({ kind: 'faulted', reason: expect.stringMatching(/^(call-broken|output-limit)$/) });
  });

  it('that has columns without end is not followed', async () => {
    const field = Buffer.concat([Buffer.from('c\0'), Buffer.alloc(18)]);
    for (const [columns, kind] of [
      [callLimits.sqlColumnsMax, 'rows'],
      [callLimits.sqlColumnsMax + 1, 'faulted'],
    ] as const) {
      const count = Buffer.alloc(2);
      count.writeUInt16BE(columns);
      const head = message('T', count, ...Array.from({ length: columns }, () => field));
      const report = await asked(
        letIn((socket, said) => {
          if (said.at(-5) === 0x53) socket.write(READY);
          else socket.write(Buffer.concat([message('1'), message('2'), head, message('C', 'SELECT 0')]));
        }),
      );
      expect(report.outcome.kind).toBe(kind);
      if (kind === 'faulted') expect(stderr(report)).toContain(`more than ${callLimits.sqlColumnsMax} columns`);
    }
  });

  it('and never answers is left when the time is up, and its connection is cut', async () => {
    let open = 0;
    const silent = createServer((socket) => {
      open++;
      socket.on('close', () => open--).on('error', () => undefined);
      socket.resume();
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    for (const tls of [{ isInClear: true } as const, {}]) {
      const work = sqlWork(`postgres://u@127.0.0.1:${port}/d`, 'SELECT 1', { tls });
      expect((await rig.run(work, { secrets: { PASSWORD: SECRET }, timeoutMs: 200 })).outcome).toEqual({
        kind: 'timed_out',
      });
      await until('the connection to be cut', () => open === 0);
    }
    silent.close();
    await once(silent, 'close');
    const nobody = sqlWork(`postgres://u@127.0.0.1:${port}/d`, 'SELECT 1');
    expect(await rig.run(nobody, { secrets: { PASSWORD: SECRET } })).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-unreachable' },
      detail: expect.stringContaining('nothing listens'),
    });
  });

  it('and says that a commit was rolled back has it failed, and not done', async () => {
    const report = await asked(
      letIn((socket, said) => {
        if (said.includes('COMMIT')) socket.write(tag('ROLLBACK'));
        else if (said.at(-5) === 0x53) socket.write(READY);
        else complete(socket);
      }),
      { mode: 'write' },
    );
    expect(report.outcome).toEqual({ kind: 'faulted', reason: 'sql-failed' });
  });
});
