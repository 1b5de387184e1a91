/** What a script is told that its host is called: what its run calls it, whatever the agent joined as and whatever a warm connection was opened under. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { platformOfHost } from '../../src/engines/process/platform-of-host.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import { newAttempt, reportOf } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { cliOf, newDataDir, removeDataDir, startUp, stopUp, type CliResult, type RunningUp } from '../support/up.ts';

it('is what the order says also where it waited over a restart, and what the host joined as where an old journal says nothing', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
  chmodSync(dataDir, 0o711);
  const gate = join(dataDir, 'gate');
  const options = { dataDir, hostName: 'joined-as', hostId: 'id', clock: systemClock, log: silentLog, concurrent: 1 };
  const [holding, waiting, old] = [newAttempt(), newAttempt(), newAttempt()];
  const script = specOf('printf "%s %s" "$DROVER_HOST_ID" "$DROVER_HOST"');
  let { ledger } = createProcessLedger(options);
  await ledger.start(nobody);
  try {
    await ledger.startAttempt(holding, specOf('until [ -e "$G" ]; do sleep 0.05; done', { env: { G: gate } }), HOST);
    await ledger.startAttempt(waiting, script, { hostId: 'id', hostName: '主机-1' });
    await ledger.stop();
    const journal = new Journal(join(dataDir, 'journal'), { tombstoneKeptMs: 60_000 });
    await journal.open(0);
    // As it was journaled before orders named their host.
    const [bootId, spec] = [platformOfHost().bootId(), encodeExecutionSpec(script)];
    await journal.append({ k: 'accepted', a: old, atMs: 0, bootId, sealed: false, spec });
    await journal.close();
    ({ ledger } = createProcessLedger(options));
    await ledger.start(nobody);
    writeFileSync(gate, '');
    const said = async (attempt: AttemptId): Promise<string> =>
      Buffer.from((await reportOf(ledger, attempt)).stdout.inline ?? []).toString();
    expect([await said(waiting), await said(old)]).toEqual(['id 主机-1', 'id joined-as']);
  } finally {
    await ledger.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});

interface Result {
  readonly run: { readonly id: string };
  readonly executions: readonly { readonly host: string; readonly stdout: string }[];
}

requiring('sshd', 'root').describe('a host that is renamed', () => {
  const dataDir = newDataDir();
  const world = new SshWorld();
  let up: RunningUp;
  let sshd: Awaited<ReturnType<SshWorld['start']>>;
  let cli: (...args: string[]) => Promise<CliResult>;
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([0, expect.anything()]);
    return stdout;
  };
  const idOf = async (host: string): Promise<string> =>
    (JSON.parse(await ok('hosts', 'show', host, '--json')) as { id: string }).id;
  /** The words of the script on the only host, and what the record calls that. */
  const told = async (...args: string[]): Promise<{ id: string; host: string; words: string[] }> => {
    const { run, executions } = JSON.parse((await cli(...args, '--json')).stdout) as Result;
    expect(executions).toHaveLength(1);
    return { id: run.id, host: executions[0]!.host, words: executions[0]!.stdout.split('\n') };
  };
  /** Fails, so that it can be tried again. */
  const script = join(mkdtempSync(join(tmpdir(), 'drover-names-')), 'names.sh');

  beforeAll(async () => {
    writeFileSync(script, 'printf "%s\\n" "$DROVER_HOST" "$DROVER_HOST_ID"; exit 3\n');
    up = await startUp(dataDir, 2);
    cli = cliOf(up);
    sshd = await world.start();
    const account = ['--scope', 'box-* or 盒子-*', '--default', '--user', world.user, '--key', world.userKey.path];
    await ok('accounts', 'create', 'ops', ...account);
    await ok('hosts', 'add', 'box-1', '--address', '127.0.0.1', '--port', String(sshd.port));
  });
  afterAll(async () => {
    await stopUp(up);
    await world.end();
    removeDataDir(dataDir);
    rmSync(join(script, '..'), { recursive: true, force: true });
  });

  describe.each([
    ['an agent', 'local-1', '本机-1'],
    ['SSH', 'box-1', '盒子-1'],
  ])('over %s', (_way, before, after) => {
    it('is called so by scripts of later runs, and a retry of an earlier run calls it as that run does', async () => {
      const id = await idOf(before);
      const run = ['run', '--script', script, '-t'];
      const first = await told(...run, before);
      await ok('hosts', 'edit', before, '--name', after);
      const second = await told(...run, after);
      const retried = await told('runs', 'retry', first.id, '--failed');
      expect([first, second, retried].map(({ host, words: [name, hostId] }) => [host, name, hostId])).toEqual([
        [before, before, id],
        [after, after, id],
        [before, before, id],
      ]);
      const shown = (await ok('hosts', 'show', after)).split('\n').map((line) => line.split(/ {2,}/));
      expect(shown.filter(([title]) => title === 'name' || title === 'joined as')).toEqual(
        before === 'box-1'
          ? [['name', after]]
          : [
              ['name', after],
              ['joined as', before],
            ],
      );
    });
  });

  it('was reached over one connection, which none of its names has ended', () =>
    expect(sshd.log().match(/Accepted publickey/g)).toHaveLength(1));
});
