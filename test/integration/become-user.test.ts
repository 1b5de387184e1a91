/**
 * Runs of an agent that is root, as another user: nothing that the run gives its script reaches a process that is still root, and the
 * script has all of it, byte for byte. Real processes of a real agent's engine; tests need root.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { HELD } from '../../src/domain/run/process-strings.ts';
import { findAccount, findProgram, lackOf } from '../../src/engines/process/account.ts';
import { isRefusal, planProcess } from '../../src/engines/process/plan.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { newAttempt, reportOf } from '../conformance/ledger.ts';
import { executionOrder, HOST, specOf, type ProgramGiven, type SpecMore } from '../support/execution-spec.ts';
import { nobody as listener } from '../support/listeners.ts';
import { requiring } from '../support/needs.ts';
import { until } from '../support/until.ts';

const NOBODY = 65_534;

requiring('root').describe('a run that becomes another user', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
  let ledger: Ledger;
  /** Everybody may put files there. */
  let open: string;

  beforeAll(async () => {
    chmodSync(dataDir, 0o711);
    ({ ledger } = createProcessLedger({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog }));
    await ledger.start(listener);
  });
  afterAll(async () => {
    await ledger.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  beforeEach(() => {
    open = mkdtempSync(join(tmpdir(), 'drover-open-'));
    chmodSync(open, 0o1777);
  });
  afterEach(() => rmSync(open, { recursive: true, force: true }));

  async function run(program: ProgramGiven, more: SpecMore = {}): Promise<{ report: AgentReport; text: string }> {
    const attempt = newAttempt();
    expect(await ledger.startAttempt(attempt, specOf(program, { user: 'nobody', ...more }), HOST)).toBe('accepted');
    const report = await reportOf(ledger, attempt);
    return { report, text: Buffer.from(report.stdout.inline ?? []).toString() };
  }
  const variablesOf = async (more: SpecMore): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await run(['/usr/bin/env', '-0'], more)).text
        .split('\0')
        .filter((one) => one !== '' && !/^(DROVER_ATTEMPT_ID|SHLVL|_)=/.test(one))
        .map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
    );

  it.each(['clean', 'login', 'agent'] as const)(
    'loads nothing that it names into a process of root (%s)',
    async (environment) => {
      // The loader writes a file for each process that it begins, as that process.
      const env = { LD_DEBUG: 'libs', LD_DEBUG_OUTPUT: join(open, 'loaded') };
      const { report, text } = await run('id -u', { environment, env });
      expect([report.outcome, text]).toEqual([{ kind: 'exited', code: 0 }, `${NOBODY}\n`]);
      const owners = readdirSync(open).map((name) => statSync(join(open, name)).uid);
      expect(owners.length).toBeGreaterThan(0);
      expect(new Set(owners)).toEqual(new Set([NOBODY]));
    },
  );

  it('begins no program as root that it finds on its own PATH, and no start-up file of a shell', async () => {
    const bin = join(open, 'bin');
    mkdirSync(bin);
    for (const name of ['setpriv', 'runuser', 'sh', 'id', 'env', 'true'])
      writeFileSync(join(bin, name), `#!/bin/dash\n/usr/bin/id -u >>${open}/ran\nexec /usr/bin/${name} "$@"\n`, {
        mode: 0o755,
      });
    writeFileSync(join(open, 'start'), `/usr/bin/id -u >>${open}/ran\n`);
    writeFileSync(join(open, 'ran'), '', { mode: 0o666 });
    chmodSync(join(open, 'ran'), 0o666);
    const env = { PATH: `${bin}:/usr/bin:/bin`, ENV: join(open, 'start'), BASH_ENV: join(open, 'start'), UID: '7' };
    const { text } = await run('id -u; exec bash -c "id -u"', { env });
    expect(text).toBe(`${NOBODY}\n${NOBODY}\n`);
    expect(new Set(readFileSync(join(open, 'ran'), 'latin1').trim().split('\n'))).toEqual(new Set([String(NOBODY)]));
  });

  it('has a supervisor whose environment is ours alone, outside of the working folder', async () => {
    const folder = join(open, 'own');
    mkdirSync(folder);
    chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o700);
    const attempt = newAttempt();
    const more = {
      user: 'nobody',
      env: { LD_AUDIT_NOT: 'x', GATE: join(open, 'gate') },
      cwd: folder,
      secrets: { S: 'hunter2-hunter2' },
    };
    await ledger.startAttempt(attempt, specOf('pwd; until [ -e "$GATE" ]; do sleep 0.02; done', more), HOST);
    const { pid } = await until('it runs', () => ledger.startOf(attempt));
    await until('it is in its folder', () => readlinkSync(`/proc/${pid}/cwd`) === folder);
    const parent = Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]);
    const names = readFileSync(`/proc/${parent}/environ`, 'latin1').split('\0').filter(Boolean);
    expect(
      names
        .map((one) => one.split('=')[0]!)
        .filter((name) => !name.startsWith(HELD))
        .sort(),
    ).toEqual(['DROVER_ATTEMPT_ID', 'PATH']);
    expect(readlinkSync(`/proc/${parent}/cwd`)).toBe('/');
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain(HELD);
    writeFileSync(join(open, 'gate'), '');
    expect(Buffer.from((await reportOf(ledger, attempt)).stdout.inline!).toString()).toBe(`${folder}\n`);
  });

  it.each(['clean', 'login', 'agent'] as const)(
    'has the same variables, byte for byte, as one that stays root (%s)',
    async (environment) => {
      const odd = `a  b "$(echo no)" '*' \\ \`id\` \n\ttwo\r\n\u0081é😀 `;
      const names = [
        'IFS',
        'LD_LIBRARY_PATH_NOT',
        'TMPDIR',
        'PERL5LIB',
        'BASH_ENV',
        'CDPATH',
        'UID',
        'PS4',
        'n',
        'p',
        'q',
        's',
      ];
      const given: SpecMore = {
        environment,
        cwd: '/tmp',
        env: {
          ...Object.fromEntries(names.map((name) => [name, `${odd}${name}`])),
          EMPTY: '',
          HOME: open,
          PATH: '/usr/bin:/bin',
        },
        params: { P: odd },
        secrets: { TOKEN: `hunter2 '$X' "\\` },
      };
      const nobodys = await variablesOf(given);
      const roots = await variablesOf({ ...given, user: 'root' });
      for (const [name, value] of Object.entries(given.env!)) expect([name, nobodys[name]]).toEqual([name, value]);
      expect(nobodys.DROVER_PARAM_P).toBe(odd);
      // What stays root goes through one shell less, which has its own mind of these.
      for (const name of ['IFS', 'PS4', 'UID']) delete roots[name];
      expect(nobodys).toMatchObject({
        ...roots,
        USER: 'nobody',
        LOGNAME: 'nobody',
        SHELL: nobodys.SHELL,
        // A file of each attempt's own.
        DROVER_OUTPUT: expect.not.stringContaining(roots.DROVER_OUTPUT!),
        DROVER_RUN_ID: 'r',
      });
    },
  );

  it('has a value as long as there may be, and its arguments as they are', async () => {
    const value = 'é'.repeat((limits.argumentStringBytesMax - 4) / 2);
    const whole = await run('printf %s "$V" | sha256sum', { env: { V: value } });
    expect(whole.text).toBe(`${createHash('sha256').update(value).digest('hex')}  -\n`);
    const args = ['', 'a b', "it's", '$HOME\n', '-n'];
    expect((await run(['/bin/sh', '-c', 'printf "<%s>" "$@"', 'sh'], { args })).text).toBe(
      `<><a b><it's><$HOME\n><-n>`,
    );
  });

  it('begins at / where its user has no home', async () => {
    expect((await run('pwd; id -u')).text).toBe(`/\n${NOBODY}\n`);
  });

  it('is the same by runuser, where there is no setpriv', () => {
    const env = { V: 'a\nb', LD_DEBUG: 'libs', LD_DEBUG_OUTPUT: join(open, 'loaded') };
    const plan = planProcess(executionOrder(['/bin/sh', '-c', 'id -u; printf %s "$V"'], { user: 'nobody', env }), {
      attemptId: 'r.0.0.1',
      hostName: 'h',
      hostId: 'i',
      scriptPath: '',
      valuesPath: '',
      account: findAccount('nobody')!,
      agentUid: 0,
      agentUser: 'root',
      agentEnvironment: {},
      findProgram: (name, path) => (name === 'setpriv' ? undefined : findProgram(name, path)),
      lackOf,
    });
    if (isRefusal(plan)) throw new Error(plan.detail);
    const [program, ...args] = plan.argv;
    expect(program).toMatch(/runuser$/);
    const { stdout } = spawnSync(program!, args, { env: plan.env, cwd: '/', encoding: 'utf8' });
    expect(stdout).toBe(`${NOBODY}\na\nb`);
    expect(new Set(readdirSync(open).map((name) => statSync(join(open, name)).uid))).toEqual(new Set([NOBODY]));
  });

  it('is refused where it may not enter its folder, of which a link tells it nothing', async () => {
    const closed = join(open, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    symlinkSync(closed, join(open, 'link'));
    for (const cwd of [closed, join(open, 'link')])
      expect((await run('pwd', { cwd })).report).toMatchObject({
        outcome: { kind: 'refused', reason: 'directory-missing' },
      });
    expect(existsSync(join(open, 'link'))).toBe(true);
  });
});
