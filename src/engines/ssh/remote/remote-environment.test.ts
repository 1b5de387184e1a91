/**
 * Environment policies on a host, over shells of this machine: what a session has, what a profile does, and that no
 * order meets what another one had.
 */
import { given } from '../../../base/given.ts';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import { executionOrder, type SpecMore } from '../../../../test/support/execution-spec.ts';
import { localShell, type LocalShell } from '../../../../test/support/local-shell.ts';
import { until } from '../../../../test/support/until.ts';
import { RemoteSessions } from './remote-sessions.ts';
import { startRemote } from './remote-supervisor.ts';
import type { ScriptOrder } from '../../../ledger/engine.ts';
import type { RemoteEnd, RemoteRun } from './remote-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-environment-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/**
 * A shell whose script lives longer is not kept: as the engine has it, long enough for a busy machine and short enough
 * for the deadlines here.
 */
const liveAfterMs = ({ timeoutMs }: ScriptOrder): number => timeoutMs / 8;

function homeWith(profile: string): string {
  const home = mkdtempSync(join(scratch, "home's "));
  writeFileSync(join(home, '.profile'), profile);
  return home;
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

interface Ran {
  readonly text: string;
  readonly lines: readonly string[];
  readonly end: RemoteEnd;
}

/** As a driver keeps them: what one run has learned of a shell holds for the next. */
const sessions = new RemoteSessions();

async function begin(
  shell: LocalShell,
  script: string,
  more: SpecMore,
  procRoot?: string,
): Promise<{ remote: RemoteRun; ran: Promise<Ran>; attempt: string }> {
  const spec = executionOrder(script, more);
  let text = '';
  let ended: RemoteEnd | undefined;
  const attempt = `${newId()}.0.0.1`;
  const remote = await startRemote(
    shell,
    { attempt, spec, hostName: 'web1', hostId: 'h1', become: { kind: 'direct' } },
    {
      started: () => undefined,
      values() {},
      ended: (end) => (ended = end),
      output: (_stream, _offset, bytes) => void (text += Buffer.from(bytes).toString()),
    },
    { clock: systemClock, sessions, liveAfterMs: liveAfterMs(spec), ...given({ procRoot }) },
  );
  const ran = until('the end', () => ended).then(async (end) => {
    await remote.forget();
    return { text, lines: text.split('\n'), end };
  });
  return { remote, ran, attempt };
}

const run = async (shell: LocalShell, script: string, more: SpecMore = {}, procRoot?: string): Promise<Ran> =>
  (await begin(shell, script, more, procRoot)).ran;

/** Names that the program uses for itself, and what a shell or sudo would hand on. */
const ODD = {
  b: 'b',
  d: 'd',
  i: 'i',
  n: 'n',
  A: 'A',
  N: 'N',
  T: 'T',
  X: 'X',
  DROVER_TOKEN: 'agents',
  SUDO_COMMAND: 'ours',
  CDPATH: '/usr',
};

for (const login of [['dash'], ['busybox', 'sh'], ['bash']]) {
  describe(`the environment under ${login[0]}`, () => {
    const profile = `echo from profile; export FROM_PROFILE="it's" GIVEN=profile PATH="$HOME/bin:$PATH"; cd /\n`;

    it('of a kept shell is that of each order alone, whatever the policies of those before', async () => {
      const shell = localShell(
        login,
        { ...ODD, HOME: scratch, LANG: 'xx_XX', LC_ALL: 'POSIX', PATH: '/usr/bin:/bin:/of/session' },
        true,
      );
      const home = homeWith(profile);
      // Its session is known, so that the login shell itself takes the program.
      await run(shell, 'true', { secrets: { S: 'said-once' } });
      shell.commands.length = 0;
      const agent = await run(shell, 'env', { environment: 'agent', env: { GIVEN: 'first', ONLY_FIRST: '1' } });
      expect(agent.lines).toEqual(
        expect.arrayContaining([
          'LEAKED=yes',
          'LANG=xx_XX',
          'LC_ALL=POSIX',
          'PATH=/usr/bin:/bin:/of/session',
          'GIVEN=first',
          'CDPATH=/usr',
        ]),
      );
      expect(agent.text).not.toMatch(/^(.|DROVER_TOKEN|SUDO_COMMAND)=/m);
      const loggedIn = await run(shell, 'env; pwd', {
        environment: 'login',
        env: { GIVEN: `a'b\nc $d`, HOME: home },
        cwd: home,
      });
      expect(loggedIn.lines).toEqual(
        expect.arrayContaining(['from profile', "FROM_PROFILE=it's", "GIVEN=a'b", 'c $d', 'DROVER_HOST=web1', home]),
      );
      expect(loggedIn.text).toMatch(/^PATH=.*home's .*\/bin:/m);
      expect(loggedIn.text).not.toMatch(
        /__drover_|LEAKED|ONLY_FIRST|xx_XX|POSIX|session|^(.|DROVER_TOKEN|SUDO_COMMAND|CDPATH)=/m,
      );
      for (const policy of [{}, { environment: 'clean' as const }]) {
        const clean = await run(shell, 'env', policy);
        const names = clean.lines
          .map((line) => line.split('=')[0]!)
          .filter((name) => !/^(|_|PWD|SHLVL|OLDPWD|DROVER_(RUN|ATTEMPT|HOST|OUTPUT).*)$/.test(name))
          .sort();
        expect(names).toEqual(['HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'USER']);
        expect(clean.lines).toContain('LANG=C.UTF-8');
      }
      const again = await run(shell, 'env', { environment: 'agent' });
      expect(again.lines).toEqual(expect.arrayContaining(['LEAKED=yes', 'PATH=/usr/bin:/bin:/of/session']));
      expect(again.text).not.toMatch(/GIVEN|ONLY_FIRST|FROM_PROFILE/);
      expect(shell.commands).toHaveLength(1);
    });

    it('of a login is read once per run, also where there is no /proc', async () => {
      const home = homeWith('echo x >>"$HOME/read"; export FROM_PROFILE=yes\n');
      const { lines, end } = await run(
        localShell(login),
        'echo $FROM_PROFILE "$1"; exit 137',
        { environment: 'login', env: { HOME: home }, args: [`"it's"`] },
        '/nonexistent',
      );
      expect(lines).toContain(`yes "it's"`);
      expect(end).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
      expect(readFileSync(join(home, 'read'), 'latin1')).toBe('x\n');
    });
  });
}

describe('a profile', () => {
  const dash = (): LocalShell => localShell(['dash'], { SHELL: '/bin/dash' });
  const inHome = (profile: string, more: SpecMore = {}): SpecMore => ({
    environment: 'login',
    env: { HOME: homeWith(profile) },
    ...more,
  });

  it('that exits does so to the script, and one that never ends meets the deadline, all of it', async () => {
    expect(await run(dash(), 'echo never', inHome('echo bye; exit 5\n'))).toMatchObject({
      text: 'bye\n',
      end: { outcome: { kind: 'exited', code: 5 } },
    });
    const waiting = inHome('echo $$ >"$HOME/pid"; sleep 60 & sleep 60\n', { timeoutMs: 400 });
    const { end } = await run(dash(), 'echo never', waiting);
    expect(end).toMatchObject({ outcome: { kind: 'timed_out' } });
    expect(isAlive(Number(readFileSync(join(waiting.env!.HOME!, 'pid'), 'latin1')))).toBe(false);
  });

  it('is waited for by a cancel too', async () => {
    const spec = inHome('echo here; sleep 60\n');
    const { remote, ran } = await begin(dash(), 'echo never', spec);
    remote.stop('cancelled');
    expect((await ran).end).toMatchObject({ outcome: { kind: 'cancelled' } });
  });

  it('is read by the login shell that the user has, or by sh where that one lets nobody in or reads otherwise', async () => {
    const which = async (shell: string): Promise<string> =>
      (await run(localShell(['dash'], { SHELL: shell }), 'true', inHome('echo ${BASH_VERSION:-none}\n'))).text;
    expect(await which('/bin/bash')).toMatch(/^\d/);
    for (const other of ['/usr/sbin/nologin', '/bin/false', '/usr/bin/fish', '/nowhere/bash', ''])
      expect(await which(other)).toBe('none\n');
  });

  it('knows programs that nobody else does, and the script still wins over what it is told', async () => {
    const home = homeWith('PATH="$HOME/bin:$PATH"; GIVEN=profile; readonly LOCKED=profile\n');
    mkdirSync(join(home, 'bin'));
    writeFileSync(join(home, 'bin', 'only-here'), '#!/bin/sh\necho "found $*"\n', { mode: 0o755 });
    const { text } = await run(dash(), 'GIVEN=$GIVEN; echo $GIVEN', {
      environment: 'login',
      lang: 'only-here',
      env: { HOME: home, GIVEN: 'given' },
    });
    expect(text).toMatch(/^found .*\.x\n$/);
    expect(
      (await run(dash(), 'true', { environment: 'login', lang: '/no/such/program', env: { HOME: home } })).end,
    ).toMatchObject({ outcome: { kind: 'refused', reason: 'interpreter-missing' } });
    expect(
      (await run(dash(), 'true', { environment: 'login', lang: 'drover-nothing', env: { HOME: home } })).end,
    ).toMatchObject({ outcome: { kind: 'exited', code: 127 } });
  });
});
