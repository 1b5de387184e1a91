/** Hosts behind a jump host whose sessions are killed, here, there and at both: lost in time, and healed by the next use; against real sshd. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { runBriefly } from '../../src/engines/ssh/remote/shell-probe.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { SshPool } from '../../src/engines/ssh/connection/ssh-pool.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { accessOf, SshWorld, type Sshd } from '../support/sshd.ts';
import { listenWith } from '../support/ssh-proxy.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

type Cut = 'jump' | 'target';
const CUTS = [{ killed: 'target' }, { killed: 'jump' }, { killed: 'target, jump' }, { killed: 'jump, target' }];

requiring('sshd').describe('a host behind a jump host', () => {
  let world: SshWorld;
  let servers: Record<Cut, Sshd>;
  let folder: string;
  beforeAll(async () => {
    world = new SshWorld();
    servers = { jump: await world.start({ address: '127.0.0.2' }), target: await world.start() };
    folder = mkdtempSync(join(tmpdir(), 'drover-jump-'));
  });
  afterAll(async () => {
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const access = async (): Promise<ReturnType<typeof accessOf>> =>
    accessOf(world.hop(servers.jump), world.hop(servers.target));
  const options = {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    recordHostKey: async (): Promise<'recorded'> => 'recorded',
    access,
  };
  const cut = (killed: string): void => killed.split(', ').forEach((side) => servers[side as Cut].killSessions());

  it.each(CUTS)(
    'is reached again at once by the next command, whatever was killed while nothing ran: $killed',
    async ({ killed }) => {
      const pool = new SshPool(options);
      const answer = async (): Promise<string | undefined> =>
        (await runBriefly((await pool.shell({ hostId: 'h' })).shell, 'echo in', '', systemClock)).stdout;
      try {
        expect(await answer()).toBe('in\n');
        cut(killed);
        // Right into the end, and after it.
        expect([await answer(), await answer(), pool.size]).toEqual(['in\n', 'in\n', 2]);
        cut(killed);
        await until('the loss is noticed', () => pool.size < 2);
        expect([await answer(), pool.size]).toEqual(['in\n', 2]);
      } finally {
        pool.stop();
      }
    },
  );

  it.each(['jump', 'target'] as const)(
    'that answers nothing any more and closes nothing is lost in time, and reached again once it answers: %s',
    async (side) => {
      let isSilent = false;
      const silencer = await listenWith((socket) => {
        const behind = connect(servers[side].port, servers[side].address);
        behind.on('error', () => undefined).on('data', (bytes) => isSilent || socket.write(bytes));
        socket.on('data', (bytes) => isSilent || behind.write(bytes)).on('close', () => behind.destroy());
      });
      const hops = (['jump', 'target'] as const).map((hop) => world.hop(hop === side ? silencer : servers[hop]));
      const pool = new SshPool({
        ...options,
        access: async () => accessOf(...hops),
        dial: { keepaliveMs: 300, keepalivesMissedMax: 3 },
      });
      try {
        const channel = await (await pool.shell({ hostId: 'h' })).shell.exec('exec cat');
        channel.stdout.resume();
        channel.stderr.resume();
        isSilent = true;
        expect(await channel.ended).toMatchObject({ kind: 'lost' });
        isSilent = false;
        expect((await runBriefly((await pool.shell({ hostId: 'h' })).shell, 'echo in', '', systemClock)).stdout).toBe(
          'in\n',
        );
      } finally {
        pool.stop();
        await silencer.stop();
      }
    },
  );

  it.each(CUTS)(
    'goes on with a script that was under way, once, with all of its output: $killed',
    async ({ killed }) => {
      const { ledger } = createSshLedger({
        ...options,
        dir: mkdtempSync(join(folder, 'worker-')),
        secretsOf: async () => [],
      });
      await ledger.start(nobody);
      try {
        const [mark, gate, attempt] = [join(folder, `mark ${killed}`), join(folder, `gate ${killed}`), newAttempt()];
        await ledger.startAttempt(
          attempt,
          specOf('echo x >> "$F"; echo one; while [ ! -e "$G" ]; do sleep 0.05; done; echo two; exit 9', {
            env: { F: mark, G: gate },
          }),
          HOST,
        );
        await until('the script began', () => ledger.stateOf(attempt) === 'running' && existsSync(mark));
        cut(killed);
        writeFileSync(gate, '');
        const report = await reportOf(ledger, attempt);
        expect([
          report.outcome,
          Buffer.from(report.stdout.inline ?? []).toString(),
          readFileSync(mark, 'utf8'),
        ]).toEqual([{ kind: 'exited', code: 9 }, 'one\ntwo\n', 'x\n']);
      } finally {
        await ledger.stop();
      }
    },
  );
});

const reportOf = (ledger: Ledger, attempt: AttemptId): Promise<AgentReport> =>
  until(`the report of ${attempt}`, () => ledger.report(attempt));
