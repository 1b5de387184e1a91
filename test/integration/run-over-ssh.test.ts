/** One run, either way in: hosts with an agent and hosts without one, real sshd, and the processes between killed. */
import { executorName } from '../../src/domain/run/executor.ts';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/engines/ssh/connection/host-key.ts';
import { SshWorld } from '../support/sshd.ts';
import { until } from '../support/until.ts';
import {
  cliOf,
  newDataDir,
  pidsOf,
  removeDataDir,
  startUp,
  stopUp,
  type CliResult,
  type RunningUp,
} from '../support/up.ts';
import { requiring } from '../support/needs.ts';

interface Result {
  run: { id: string; state: string };
  executions: {
    host: string;
    state: string;
    executor: { kind: 'agent' | 'worker'; id: string; engine?: 'ssh' } | null;
    reason?: string;
    detail?: string;
    outcome: object | null;
    stdout: string;
  }[];
}

requiring('sshd', 'root').describe('a run over SSH', () => {
  const dataDir = newDataDir();
  const scratch = mkdtempSync(join(tmpdir(), 'drover-over-ssh-'));
  const world = new SshWorld();
  let up: RunningUp;
  let cli: (...args: string[]) => Promise<CliResult>;

  const file = (name: string): string => join(scratch, name);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([0, expect.anything()]);
    return stdout;
  };
  const run = async (...args: string[]): Promise<Result> =>
    JSON.parse((await cli('run', '--json', ...args)).stdout) as Result;
  const detached = async (...args: string[]): Promise<string> => (await ok('run', '--detach', ...args)).trim();
  const ended = (id: string): Promise<Result['executions'][number]> =>
    until('the run to end', async () => {
      const shown = JSON.parse(await ok('runs', 'show', id, '--json')) as Result;
      return ['succeeded', 'failed', 'cancelled', 'timed_out'].includes(shown.run.state) && shown.executions[0];
    });

  beforeAll(async () => {
    up = await startUp(dataDir, 2);
    cli = cliOf(up);
    const [first, second] = [await world.start(), await world.start({ address: '127.0.0.2' })];
    await ok(
      'accounts',
      'create',
      'ops',
      '--scope',
      'box-*',
      '--default',
      '--user',
      world.user,
      '--key',
      world.userKey.path,
    );
    await ok('hosts', 'add', 'box-1', '--address', '127.0.0.1', '--port', String(first.port));
    await ok('hosts', 'add', 'box-2', '--address', '127.0.0.2', '--port', String(second.port));
  });
  afterAll(async () => {
    await stopUp(up);
    await world.end();
    removeDataDir(dataDir);
    rmSync(scratch, { recursive: true, force: true });
  });

  it('goes to each host by the way there is, and says which', async () => {
    const {
      run: { state },
      executions,
    } = await run('-t', 'all', '--', 'sh', '-c', 'printf %s "$DROVER_HOST"');
    expect([
      state,
      executions.map(({ host, executor, state: how, stdout }) => [host, executorName(executor!), how, stdout]),
    ]).toEqual([
      'succeeded',
      [
        ['box-1', 'ssh', 'succeeded', 'box-1'],
        ['box-2', 'ssh', 'succeeded', 'box-2'],
        ['local-1', 'agent', 'succeeded', 'local-1'],
        ['local-2', 'agent', 'succeeded', 'local-2'],
      ],
    ]);
    const used = JSON.parse(await ok('audit', '--json')) as {
      items: { action: string; target: string; detail: { run?: string } }[];
    };
    expect(used.items.filter(({ action }) => action === 'access.account.use').map(({ target }) => target)).toEqual([
      'account/ops',
    ]);
  });

  it('gives scripts the name of a host in any script of people, byte by byte', async () => {
    const { address, port } = JSON.parse(await ok('hosts', 'show', 'box-1', '--json')) as Record<string, unknown>;
    await ok('accounts', 'edit', 'ops', '--scope', 'box-* or 盒子-?');
    await ok('hosts', 'add', '盒子-𠮷', '--address', String(address), '--port', String(port), '--account', 'ops');
    const { executions } = await run('-t', '盒子-?', '--', 'sh', '-c', 'printf %s "$DROVER_HOST"');
    await ok('hosts', 'remove', '盒子-𠮷');
    expect(executions).toMatchObject([{ host: '盒子-𠮷', state: 'succeeded', stdout: '盒子-𠮷' }]);
  });

  it('takes the way that is asked for, or does not start and says why', async () => {
    const {
      executions: [bySsh],
    } = await run('-t', 'local-1', '--via', 'ssh', '--', 'true');
    expect(bySsh).toMatchObject({
      state: 'not_started',
      reason: 'host-without-address',
      detail: expect.stringContaining('over SSH'),
    });
    const {
      executions: [byAgent],
    } = await run('-t', 'box-1', '--via', 'agent', '--', 'true');
    expect(byAgent).toMatchObject({
      state: 'not_started',
      reason: 'host-without-agent',
      detail: expect.stringContaining('drover agents install'),
    });
  });

  it('keeps exit codes, large output in pieces, and what goes to the error stream apart', async () => {
    const {
      executions: [done],
    } = await run('-t', 'box-1', '--', 'sh', '-c', 'head -c 3000000 /dev/zero | tr "\\000" x; echo bad >&2; exit 7');
    expect([done!.outcome, done!.stdout.length, done!.stdout.replaceAll('x', '')]).toEqual([
      { kind: 'exited', code: 7 },
      3_000_000,
      '',
    ]);
  });

  describe('either way', () => {
    const both = (...args: string[]): Promise<Result> => run('-t', 'box-1 or local-1', ...args);

    it('shows bytes that are no text as what they are, and gives programs all of them', async () => {
      const script = String.raw`printf 'caf\303\251 caf\351\0x\n'`;
      const exact = Buffer.from('caf\xc3\xa9 caf\xe9\0x\n', 'latin1').toString('base64');
      expect((await both('--', script)).executions).toMatchObject([
        { host: 'box-1', executor: { kind: 'worker', engine: 'ssh' }, stdout: exact, stdoutEncoding: 'base64' },
        { host: 'local-1', executor: { kind: 'agent' }, stdout: exact, stdoutEncoding: 'base64' },
      ]);
      expect(await ok('run', '-t', 'box-1 or local-1', '--', script)).toMatch(/^café caf\ufffd\0x$/m);
    });

    it('has the output at once after the end, also of a silent script', async () => {
      const { run: done } = await both('--', 'case $DROVER_HOST in local-*) echo loud ;; esac');
      expect(await cli('runs', 'output', done.id, '--host', 'local-1', '--raw')).toMatchObject({
        code: 0,
        stdout: 'loud\n',
      });
      expect(await cli('runs', 'output', done.id, '--host', 'box-1', '--raw')).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect((await both('--', 'true')).executions).toMatchObject([{ stdout: '' }, { stdout: '' }]);
    });

    it('has the verdict when the script ends, whatever it left running', async () => {
      const { executions } = await both('--', 'sleep 600 & echo $!');
      expect(executions.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
      // They live: nobody waited for them.
      for (const { stdout } of executions) process.kill(Number(stdout), 'SIGKILL');
    });

    it('hands on standard input byte for byte', async () => {
      const input = Buffer.from(Array.from({ length: 1_024 }, (_, i) => i % 256));
      writeFileSync(file('input'), input);
      const hash = `${createHash('sha256').update(input).digest('hex')}  -\n`;
      expect((await both('--stdin', file('input'), '--', 'sha256sum')).executions).toMatchObject([
        { stdout: hash },
        { stdout: hash },
      ]);
    });
  });

  it('goes on when the worker is killed in the middle, runs once, and masks what it masked before', async () => {
    writeFileSync(file('token'), 'p4ssw0rd-p4ssw0rd');
    const id = await detached(
      '-t',
      'box-1',
      '--secret',
      `S=@${file('token')}`,
      '--',
      'sh',
      '-c',
      `echo x >> ${file('once')}; echo one $S; while [ ! -e ${file('gate')} ]; do sleep 0.05; done; echo two $S; exit 3`,
    );
    await until('the script to begin', () => existsSync(file('once')));
    for (const pid of pidsOf(dataDir, 'worker')) process.kill(pid, 'SIGKILL');
    writeFileSync(file('gate'), '');
    expect(await ended(id)).toMatchObject({
      state: 'failed',
      outcome: { kind: 'exited', code: 3 },
      executor: { kind: 'worker', engine: 'ssh' },
    });
    expect(await ok('runs', 'output', id, '--host', 'box-1', '--raw')).toBe('one ******\ntwo ******\n');
    expect(readFileSync(file('once'), 'utf8')).toBe('x\n');
  });

  it('is cancelled with everything that it started', async () => {
    const id = await detached('-t', 'box-2', '--', 'sh', '-c', `sleep 600 & echo $! > ${file('pid')}; wait`);
    const pid = await until(
      'the script to begin',
      () => existsSync(file('pid')) && (Number(readFileSync(file('pid'), 'utf8')) || undefined),
    );
    await ok('runs', 'cancel', id);
    expect(await ended(id)).toMatchObject({ state: 'cancelled' });
    await until(
      'its child to be gone',
      () => !existsSync(`/proc/${pid}`) || /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1')),
    );
  });

  it('works as the account that is asked for where its scope covers every host, and is refused whole where not', async () => {
    await ok(
      'accounts',
      'create',
      'nobodys',
      '--scope',
      'all',
      '--user',
      world.user,
      '--key',
      world.userKey.path,
      '--become',
      'sudo',
      '--become-user',
      'nobody',
    );
    const { executions } = await run('-t', 'local-1', '--as', 'nobodys', '--', 'id', '-un');
    expect(executions.map(({ stdout }) => stdout)).toEqual(['nobody\n']);
    expect((await run('-t', 'local-1', '--user', 'daemon', '--', 'id', '-un')).executions[0]!.stdout).toBe('daemon\n');
    const refused = await cli('run', '-t', 'all', '--as', 'ops', '--', 'true');
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('may not be used on local-1, local-2')]);
  });

  it('tells why a host cannot be reached, host by host', async () => {
    await ok(
      'accounts',
      'create',
      'ops-gone',
      '--scope',
      'gone-*',
      '--default',
      '--user',
      world.user,
      '--key',
      world.userKey.path,
    );
    await ok('hosts', 'add', 'gone-1', '--address', '127.0.0.1', '--port', '1');
    const { executions } = await run('-t', 'gone-1 or box-1', '--', 'true');
    expect(executions.map(({ host, state, reason }) => [host, state, reason])).toEqual([
      ['box-1', 'succeeded', undefined],
      ['gone-1', 'not_started', 'ssh-refused'],
    ]);
  });

  it('uses no warm connection of an account that has changed', async () => {
    expect((await run('-t', 'box-1', '--', 'true')).executions[0]!.state).toBe('succeeded');
    await ok('accounts', 'edit', 'ops', '--user', 'no-such-user-here');
    await until(
      'the change to count',
      async () => (await run('-t', 'box-1', '--', 'true')).executions[0]!.reason === 'ssh-auth-failed',
    );
    await ok('accounts', 'edit', 'ops', '--user', world.user);
    await until(
      'the change to count',
      async () => (await run('-t', 'box-1', '--', 'true')).executions[0]!.state === 'succeeded',
    );
  });

  it('is preceded by a test of the way, step by step, for whoever wants to know', async () => {
    const good = JSON.parse(await ok('hosts', 'test', 'box-1', '--json')) as {
      reachable: boolean;
      steps: { step: string; result: string; code?: string }[];
    };
    expect([good.reachable, good.steps.filter(({ result }) => result !== 'ok')]).toEqual([true, []]);
    const { code, stdout } = await cli('hosts', 'test', 'gone-1');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/tcp +failed +ssh-refused/)]);
    expect((await cli('hosts', 'test', 'local-1')).stderr).toContain('has no address');
  });

  describe('the key of a host', () => {
    type Keys = { items: { state: string; algorithm: string; fingerprint: string }[] };
    const keysOf = async (host: string): Promise<string[]> =>
      (JSON.parse(await ok('hosts', 'keys', 'list', host, '--json')) as Keys).items.map(
        ({ state, fingerprint }) => `${state} ${fingerprint}`,
      );
    const outcome = async (host: string): Promise<string | undefined> => {
      const [execution] = (await run('-t', host, '--', 'true')).executions;
      return execution!.reason ?? execution!.state;
    };
    const offers = async (host: string): Promise<number> =>
      (JSON.parse(await ok('audit', '--json')) as { items: { action: string; target: string }[] }).items.filter(
        ({ action, target }) => action === 'fleet.host-key.offer' && target === `host/${host}`,
      ).length;

    it('that has changed is offered, told in the audit once, and believed once it is accepted', async () => {
      const [before, after] = [world.makeKey('ed25519'), world.makeKey('ed25519')];
      await ok(
        'hosts',
        'add',
        'box-moved',
        '--address',
        '127.0.0.1',
        '--port',
        String((await world.start({ hostKey: before })).port),
      );
      expect([await outcome('box-moved'), await keysOf('box-moved')]).toEqual([
        'succeeded',
        [`known ${fingerprintOf(before.publicBlob)}`],
      ]);
      await ok('hosts', 'edit', 'box-moved', '--port', String((await world.start({ hostKey: after })).port));
      await until('the new key is noticed', async () => (await outcome('box-moved')) === 'ssh-host-key-changed');
      expect([await outcome('box-moved'), (await cli('hosts', 'test', 'box-moved')).stdout]).toEqual([
        'ssh-host-key-changed',
        expect.stringMatching(/host-key +failed +ssh-host-key-changed/),
      ]);
      expect([await keysOf('box-moved'), await offers('box-moved')]).toEqual([
        [`known ${fingerprintOf(before.publicBlob)}`, `offered ${fingerprintOf(after.publicBlob)}`],
        1,
      ]);
      await ok('hosts', 'keys', 'accept', 'box-moved', fingerprintOf(after.publicBlob));
      expect([await outcome('box-moved'), await keysOf('box-moved'), await offers('box-moved')]).toEqual([
        'succeeded',
        [`known ${fingerprintOf(after.publicBlob)}`],
        1,
      ]);
    });

    it('of another kind than before is told as changed, not as an old server, and is accepted likewise', async () => {
      const [before, after] = [world.makeKey('ed25519'), world.makeKey('ecdsa')];
      await ok(
        'hosts',
        'add',
        'box-kind',
        '--address',
        '127.0.0.1',
        '--port',
        String((await world.start({ hostKey: before })).port),
      );
      expect(await outcome('box-kind')).toBe('succeeded');
      await ok('hosts', 'edit', 'box-kind', '--port', String((await world.start({ hostKey: after })).port));
      await until('the new key is noticed', async () => (await outcome('box-kind')) === 'ssh-host-key-changed');
      await ok('hosts', 'keys', 'accept', 'box-kind', fingerprintOf(after.publicBlob));
      expect([await outcome('box-kind'), (await keysOf('box-kind')).toSorted()]).toEqual([
        'succeeded',
        [`known ${fingerprintOf(after.publicBlob)}`, `known ${fingerprintOf(before.publicBlob)}`].toSorted(),
      ]);
    });

    it('that a strict host shows first is offered by a test of the way too, and believed once it is accepted', async () => {
      const key = world.makeKey('ed25519');
      await ok(
        'hosts',
        'add',
        'box-strict',
        '--address',
        '127.0.0.1',
        '--port',
        String((await world.start({ hostKey: key })).port),
        '--host-key-policy',
        'strict',
      );
      expect((await cli('hosts', 'test', 'box-strict')).stdout).toMatch(/host-key +failed +ssh-host-key-unknown/);
      expect(await keysOf('box-strict')).toEqual([`offered ${fingerprintOf(key.publicBlob)}`]);
      expect([await outcome('box-strict'), await offers('box-strict')]).toEqual(['ssh-host-key-unknown', 1]);
      await ok('hosts', 'keys', 'accept', 'box-strict', fingerprintOf(key.publicBlob));
      expect(await outcome('box-strict')).toBe('succeeded');
    });
  });
});
