/** The program and what speaks with it, over shells of this machine: real processes, real files, and channels that are cut. */
import { given } from '../../../base/given.ts';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import type { ReportedOutcome } from '../../../protocol/link/agent-v1.ts';
import { executionOrder, type SpecMore } from '../../../../test/support/execution-spec.ts';
import { localShell, type LocalShell } from '../../../../test/support/local-shell.ts';
import { tracesOf } from '../../../../test/support/traces.ts';
import { until } from '../../../../test/support/until.ts';
import { RemoteSessions } from './remote-sessions.ts';
import { attachRemote, startRemote } from './remote-supervisor.ts';
import type { RemoteEnd, RemoteOrder, RemoteRun } from './remote-run.ts';
import { requiring } from '../../../../test/support/needs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-remote-'));
/** What is learned of a shell in one test is of that shell alone. */
const sessions = new RemoteSessions();
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const clock = systemClock;
/** For what begins many shells, one after the other: a busy machine takes long for each. */
const PATIENT_MS = 300_000;

function orderOf(script: string | Buffer, more: SpecMore = {}): RemoteOrder {
  const spec = executionOrder(script, more);
  return { attempt: `${newId()}.0.0.1`, spec, hostName: 'web1', hostId: 'h1', become: { kind: 'direct' } };
}

class Follower {
  pid: number | undefined;
  readonly streams = { 1: Buffer.alloc(0), 2: Buffer.alloc(0) };
  end: RemoteEnd | undefined;
  constructor(from = { stdout: 0, stderr: 0 }) {
    this.streams = { 1: Buffer.alloc(from.stdout), 2: Buffer.alloc(from.stderr) };
  }
  started(pid: number): void {
    this.pid = pid;
  }
  output(stream: 1 | 2, offset: number, bytes: Uint8Array): void {
    expect(offset).toBe(this.streams[stream].length);
    this.streams[stream] = Buffer.concat([this.streams[stream], bytes]);
  }
  values(): void {}
  ended(end: RemoteEnd): void {
    expect(this.end).toBeUndefined();
    this.end = end;
  }
  get text(): string {
    return this.streams[1].toString();
  }
}

async function run(shell: LocalShell, order: RemoteOrder, procRoot?: string): Promise<Follower & { end: RemoteEnd }> {
  const follower = new Follower();
  const remote = await startRemote(shell, order, follower, {
    clock,
    sessions,
    ...given({ procRoot }),
  });
  await until('the end', () => follower.end);
  await remote.forget();
  return follower as Follower & { end: RemoteEnd };
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

const shells: Record<string, readonly string[]> = { dash: ['dash'], busybox: ['busybox', 'sh'], bash: ['bash'] };

for (const [name, login] of Object.entries(shells)) {
  describe(`a run under ${name}`, () => {
    const shell = localShell(login);

    it('keeps output and codes, and leaves nothing', async () => {
      const order = orderOf(`printf 'a\\000\\377\\n'; printf 'err' >&2; exit 137`);
      const { end, streams } = await run(shell, order);
      expect(end.outcome).toEqual({ kind: 'exited', code: 137 });
      expect(streams[1]).toEqual(Buffer.from([97, 0, 255, 10]));
      expect(streams[2].toString()).toBe('err');
      expect(tracesOf(order.attempt)).toEqual([]);
    });

    it(
      'tells signals from codes',
      async () => {
        for (const [signal, number] of Object.entries(constants.signals).filter(([signal]) =>
          ['SIGINT', 'SIGPIPE', 'SIGTERM', 'SIGKILL', 'SIGHUP'].includes(signal),
        )) {
          expect((await run(shell, orderOf(`kill -${number} $$; sleep 5`))).end.outcome).toEqual({
            kind: 'signalled',
            signal,
          });
          expect((await run(shell, orderOf(`exit ${128 + number}`))).end).toMatchObject({
            outcome: { kind: 'exited', code: 128 + number },
          });
        }
      },
      PATIENT_MS,
    );

    it('gives a clean environment and the given one, whatever is in it', async () => {
      const odd = `a'b"c$d\`e\\f\ng h!%*~\u00e9\u{1f600}\t`;
      const { text } = await run(
        shell,
        orderOf('printf %s "$ODD"; printf "[%s]" "$LEAKED" "$LC_ALL" "$DROVER_HOST" "$1" "$(cat)"; pwd', {
          env: { ODD: odd },
          args: [odd],
          stdin: Buffer.from('in'),
          cwd: '/usr',
        }),
      );
      expect(text).toBe(`${odd}[][][web1][${odd}][in]/usr\n`);
    });

    it('ends the whole tree at the deadline', async () => {
      const file = join(scratch, `${name}-tree`);
      const order = orderOf(`trap '' TERM; setsid sh -c 'echo $$ > ${file}; exec sleep 60' & sleep 60`, {
        timeoutMs: 400,
      });
      const { end } = await run(shell, order);
      expect(end).toMatchObject({ outcome: { kind: 'timed_out' } });
      expect(isAlive(Number(readFileSync(file, 'latin1')))).toBe(false);
      expect(tracesOf(order.attempt)).toEqual([]);
    });
  });
}

describe('a run', () => {
  const shell = localShell(['dash']);

  it(
    'keeps all 256 codes',
    async () => {
      const outcomes: ReportedOutcome[] = [];
      for (let from = 0; from < 256; from += 8)
        outcomes.push(
          ...(await Promise.all(Array.from({ length: 8 }, (_, i) => run(shell, orderOf(`exit ${from + i}`))))).map(
            ({ end }) => end.outcome,
          ),
        );
      expect(outcomes).toEqual(Array.from({ length: 256 }, (_, code) => ({ kind: 'exited', code })));
    },
    PATIENT_MS,
  );

  it('takes scripts and input of any size and any bytes, and tells all output exactly', async () => {
    const script = Buffer.concat([Buffer.from('cat; exit 0\n'), Buffer.alloc(600_000, '#\0\xff', 'latin1')]);
    const stdin = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const { streams, end } = await run(shell, orderOf(script, { stdin, lang: 'sh' }));
    expect(end.outcome).toEqual({ kind: 'exited', code: 0 });
    expect(streams[1].equals(stdin)).toBe(true);
  });

  it('shows neither script nor secret to others', async () => {
    const quiet = localShell(['dash']);
    await run(quiet, orderOf('echo "$S"; : script-text', { secrets: { S: 'hunter2-hunter2' } }));
    expect(quiet.commands.join()).not.toMatch(/hunter2|script-text/);
    expect(Buffer.concat(quiet.sent).toString()).toContain('hunter2-hunter2');
  });

  it('refuses before anything ran', async () => {
    expect((await run(shell, orderOf('true', { cwd: '/no/such/folder' }))).end).toMatchObject({
      outcome: { kind: 'refused', reason: 'directory-missing' },
    });
    expect((await run(shell, orderOf('true', { lang: 'no-such-interpreter' }))).end).toMatchObject({
      outcome: { kind: 'refused', reason: 'interpreter-missing' },
    });
    expect((await run(shell, orderOf('true', { env: { A: 'x\0y' } }))).end).toMatchObject({
      outcome: { kind: 'refused', reason: 'bad-input' },
    });
    expect((await run(shell, orderOf('true', { env: { 'a-b': '1' } }))).end).toMatchObject({
      outcome: { kind: 'refused', reason: 'bad-input' },
    });
    expect((await run(localShell(['/bin/false']), orderOf('true'))).end).toMatchObject({
      outcome: { kind: 'refused', reason: 'spawn-failed' },
    });
  });

  it('removes what nobody forgot for a week, once it had ended', async () => {
    const old = new Date(clock.nowMs() - 8 * 86_400_000);
    const left = (end: string): string => {
      const folder = `/tmp/.drover-${newId()}`;
      mkdirSync(folder, { mode: 0o700 });
      const name = `${folder}/${newId()}.0.0.1`;
      for (const [suffix, text] of [
        ['o', 'output'],
        ['i', `1 100 100 100\n2 100\nY 3\n${end}`],
      ]) {
        writeFileSync(`${name}.${suffix}`, text!);
        utimesSync(`${name}.${suffix}`, old, old);
      }
      utimesSync(folder, old, old);
      return name;
    };
    const [told, watched, open] = [
      left('T 0 100 200 - \n'),
      left('K cancelled\nS 15 100 200 cancelled \n'),
      left('K cancelled\n'),
    ];
    const gate = join(scratch, 'swept');
    const follower = new Follower();
    const remote = await startRemote(shell, orderOf(`until [ -e ${gate} ]; do sleep 0.1; done`), follower, { clock });
    await until('both are gone', () => [told, watched].every((name) => !existsSync(dirname(name))));
    writeFileSync(gate, '');
    await until('the end', () => follower.end);
    await remote.forget();
    for (const suffix of ['i', 'o']) expect(existsSync(`${open}.${suffix}`)).toBe(true);
    rmSync(dirname(open), { recursive: true });
  });

  it('honours #! itself', async () => {
    expect((await run(shell, orderOf('#!/usr/bin/env perl\nprint "shebang @ARGV\\n"', { args: ['x'] }))).text).toBe(
      'shebang x\n',
    );
  });

  it('is started once, however often it is asked for in the same folder', async () => {
    const folder = newId();
    const file = join(scratch, 'once');
    const order = orderOf(`echo x >> ${file}; sleep 0.2; exit 7`);
    const [first, second] = [new Follower(), new Follower()];
    const runs = await Promise.all([
      startRemote(shell, order, first, { clock, folder }),
      startRemote(localShell(['dash']), order, second, { clock, folder }),
    ]);
    await until('both ends', () => first.end && second.end);
    expect([first, second].map(({ end }) => end?.outcome)).toEqual([7, 7].map((code) => ({ kind: 'exited', code })));
    await Promise.all(runs.map((each) => each.forget()));
    expect(readFileSync(file, 'latin1')).toBe('x\n');
    expect(tracesOf(order.attempt)).toEqual([]);
  });

  it('works where there is no /proc', async () => {
    const none = '/nonexistent';
    expect((await run(shell, orderOf('echo x; exit 137'), none)).end).toMatchObject({
      outcome: { kind: 'exited', code: 137 },
    });
    expect((await run(shell, orderOf('kill -9 $$'), none)).end).toMatchObject({
      outcome: { kind: 'signalled', signal: 'SIGKILL' },
    });
    const file = join(scratch, 'no-proc');
    expect(
      (
        await run(
          shell,
          orderOf(`sh -c 'trap "" TERM; echo $$ > ${file}; while :; do sleep 1; done' & sleep 60`, {
            timeoutMs: 1_000,
          }),
          none,
        )
      ).end,
    ).toMatchObject({ outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } } });
    expect(isAlive(Number(readFileSync(file, 'latin1')))).toBe(false);
  });
});

requiring('root').describe('a run as somebody else', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'dash'];
  const who = 'id -un; echo $HOME $USER $LOGNAME; exit 130';

  it('steps down from root, by itself or with su', async () => {
    const [direct, su] = [
      orderOf(who, { user: 'nobody' }),
      { ...orderOf(who), become: { kind: 'su', user: 'nobody' } as const },
    ];
    for (const order of [direct, su]) {
      const { text, end } = await run(localShell(['dash']), order);
      expect(end.outcome).toEqual({ kind: 'exited', code: 130 });
      expect(text).toMatch(/^nobody\n\S+ nobody nobody\n$/);
      expect(tracesOf(order.attempt)).toEqual([]);
    }
  });

  it('says what is in the way', async () => {
    const reason = async (
      login: readonly string[],
      more: Partial<RemoteOrder>,
      user?: string,
    ): Promise<string | undefined> => {
      const order = { ...orderOf(who, user === undefined ? {} : { user }), ...more };
      const { outcome } = (await run(localShell(login), order)).end;
      return outcome.kind === 'refused' ? outcome.reason : undefined;
    };
    expect(await reason(['dash'], {}, 'no-such-user-here')).toBe('user-unknown');
    expect(await reason(['dash'], {}, 'x; reboot')).toBe('user-unknown');
    expect(await reason(['dash'], { become: { kind: 'su', user: 'no-such-user-here' } })).toBe('user-unknown');
    expect(await reason(nobody, {}, 'root')).toBe('user-not-permitted');
    expect(await reason(nobody, { become: { kind: 'su', user: 'root', password: 'wrong' } })).toBe(
      'become-password-wrong',
    );
  });
});

describe('a lost channel', () => {
  async function attached(
    order: RemoteOrder,
    from: { stdout: number; stderr: number },
  ): Promise<{ remote: RemoteRun; follower: Follower }> {
    const follower = new Follower(from);
    const remote = await attachRemote(localShell(['dash']), order, from, follower, { clock });
    if (remote === 'absent') throw new Error('absent');
    return { remote, follower };
  }

  it('does not end the run, and it is found again where it was', async () => {
    const gate = join(scratch, 'gate');
    const order = orderOf(`echo one; while [ ! -e ${gate} ]; do sleep 0.05; done; echo two; exit 130`);
    const shell = localShell(['dash']);
    const first = new Follower();
    const started = await startRemote(shell, order, first, { clock });
    await until('output', () => first.text === 'one\n');
    shell.cut();
    await started.lost;
    const { remote, follower } = await attached(order, { stdout: 4, stderr: 0 });
    expect(follower.pid).toBe(first.pid);
    await run(localShell(['dash']), orderOf(`touch ${gate}`));
    await until('the end', () => follower.end);
    expect(follower.end).toMatchObject({ outcome: { kind: 'exited', code: 130 } });
    expect(follower.streams[1].subarray(4).toString()).toBe('two\n');
    expect(Buffer.from((await remote.readWhole(1, 2, 100)).bytes).toString()).toBe('e\ntwo\n');
    await remote.forget();
    expect(tracesOf(order.attempt)).toEqual([]);
    expect(await attachRemote(shell, order, { stdout: 0, stderr: 0 }, new Follower(), { clock })).toBe('absent');
  });

  it('before anything was heard changes nothing: deadline and status are kept on the host', async () => {
    const file = join(scratch, 'alone');
    const order = orderOf(`echo $$ > ${file}; sleep 60`, { timeoutMs: 500 });
    const shell = localShell(['dash']);
    const first = new Follower();
    await startRemote(shell, order, first, { clock });
    await until('it runs', () => existsSync(file) && readFileSync(file, 'latin1'));
    shell.cut();
    await until('the host ended it', () => !isAlive(Number(readFileSync(file, 'latin1'))));
    const { remote, follower } = await attached(order, { stdout: 0, stderr: 0 });
    await until('the end', () => follower.end);
    expect(follower.end).toMatchObject({
      outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } },
    });
    await remote.forget();
    expect(tracesOf(order.attempt)).toEqual([]);
  });

  it('in the middle of a script leaves nothing and runs nothing', async () => {
    const file = join(scratch, 'never');
    const order = orderOf(`echo x > ${file}\n#${'x'.repeat(900_000)}`);
    const shell = localShell(['dash']);
    const follower = new Follower();
    shell.cutAt = 100_000;
    const remote = await startRemote(shell, order, follower, { clock });
    await remote.lost;
    await until('it is cleaned up', () => tracesOf(order.attempt).length === 0);
    expect(existsSync(file)).toBe(false);
  });

  it('of a shell that hangs is given up before the order leaves, and looked for again after', async () => {
    const [gate, login, file] = [join(scratch, 'awake'), join(scratch, 'hanging'), join(scratch, 'late')];
    writeFileSync(login, `#!/bin/sh\nwhile [ ! -e ${gate} ]; do sleep 0.05; done\nexec dash "$@"\n`, { mode: 0o755 });
    const [shell, first, second] = [localShell([login]), new Follower(), new Follower()];
    await startRemote(shell, orderOf(`echo x >> ${file}`), first, { clock, sessions, beginMs: 200 });
    await until('the refusal', () => first.end);
    expect(first.end).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-timeout' },
      detail: expect.stringContaining('Nothing ran'),
    });
    expect(Buffer.concat(shell.sent).toString()).not.toContain(file);
    // Its session is known: the order goes with the first word, and nobody knows what becomes of it until the host wakes up.
    writeFileSync(gate, '');
    await run(shell, orderOf('true'));
    rmSync(gate);
    const order = orderOf(`echo x >> ${file}; exit 7`);
    const started = await startRemote(shell, order, second, { clock, sessions, beginMs: 200 });
    expect(await started.lost).toContain('says nothing');
    await expect(
      attachRemote(shell, order, { stdout: 0, stderr: 0 }, new Follower(), { clock, sessions, beginMs: 200 }),
    ).rejects.toMatchObject({ code: 'ssh-timeout' });
    writeFileSync(gate, '');
    await until('the order came through', () => existsSync(file));
    const { remote, follower } = await attached(order, { stdout: 0, stderr: 0 });
    await until('the end', () => follower.end);
    expect(follower.end).toMatchObject({ outcome: { kind: 'exited', code: 7 } });
    await remote.forget();
    expect(readFileSync(file, 'latin1')).toBe('x\n');
  });

  it('is followed by a stop through another', async () => {
    const order = orderOf('sleep 60 & sleep 60');
    const shell = localShell(['dash']);
    const first = new Follower();
    await startRemote(shell, order, first, { clock });
    await until('it runs', () => first.pid);
    shell.cut();
    const { remote, follower } = await attached(order, { stdout: 0, stderr: 0 });
    remote.stop('cancelled');
    remote.stop('timed_out');
    await until('the end', () => follower.end);
    expect(follower.end).toMatchObject({
      outcome: { kind: 'cancelled', end: { kind: 'signalled', signal: 'SIGTERM' } },
    });
    await remote.forget();
    expect(tracesOf(order.attempt)).toEqual([]);
  });
});

describe('a cancelled tree', () => {
  const stubborn: Record<string, string> = {
    'a child that ignores TERM': `trap '' TERM; echo $$ > "$F"; while :; do sleep 1; done`,
    'a session of its own': `setsid sh -c 'echo $$ > "$F"; exec sleep 60'`,
    'a double fork': `(setsid sh -c 'echo $$ > "$F"; exec sleep 60' &) ; sleep 60`,
    'a child that holds the output': `sh -c 'sh -c "echo \\$\\$ > $F; sleep 60" & exit 0'; sleep 60`,
    'a daemon without our environment': `env -i F="$F" setsid sh -c 'echo $$ > '"$F"'; exec sleep 60' & sleep 60`,
    'a stopped child': `sh -c 'echo $$ > "$F"; kill -STOP $$' & sleep 60`,
  };
  for (const [what, script] of Object.entries(stubborn)) {
    it(`is gone: ${what}`, async () => {
      const file = join(scratch, what.replaceAll(' ', '-'));
      const follower = new Follower();
      const remote = await startRemote(localShell(['dash']), orderOf(script, { env: { F: file } }), follower, {
        clock,
      });
      const pid = await until('the child wrote its pid', () => existsSync(file) && Number(readFileSync(file, 'utf8')));
      remote.stop('cancelled');
      await until('the end', () => follower.end);
      expect(follower.end).toMatchObject({ outcome: { kind: 'cancelled' } });
      expect(isAlive(pid)).toBe(false);
      await remote.forget();
    });
  }
});
