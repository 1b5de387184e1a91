import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../base/clock.ts';
import { localShell } from '../../../../test/support/local-shell.ts';
import { until } from '../../../../test/support/until.ts';
import { findAccount } from '../../process/account.ts';
import { becomeCommand, becomeFault, becomeStuck, neededUser } from './remote-become.ts';
import { RemoteConversation } from './remote-conversation.ts';
import { attachProgram, startProgram } from './remote-program.ts';

const PROGRAM = { head: 'true', rest: '' };

describe('the command of a channel', () => {
  it('survives any login shell: one line, no quote, nothing that csh expands', () => {
    for (const { head, rest } of [startProgram, attachProgram]) {
      expect(`${head}${rest}`).not.toMatch(/['\n]/);
      expect(head).not.toMatch(/!(?![ =])/);
    }
  });

  it('is far shorter than any server takes, whoever is become: the rest is told on the channel', () => {
    const user = 'u'.repeat(32);
    for (const program of [startProgram, attachProgram]) {
      for (const who of [
        { become: { kind: 'direct' } },
        { become: { kind: 'direct' }, user },
        { become: { kind: 'sudo', user } },
        { become: { kind: 'sudo', user, password: 'x' } },
        { become: { kind: 'su', user, password: 'x' } },
      ] as const)
        expect(becomeCommand(program, who, 'mark').command.length).toBeLessThan(7_000);
    }
  });

  it('becomes nobody where the login is who is wanted', () => {
    const sudo = { kind: 'sudo', user: 'app' } as const;
    expect(neededUser({ kind: 'direct' }, 'app', 'app')).toEqual({ become: { kind: 'direct' } });
    expect(neededUser({ kind: 'direct' }, 'app', 'root')).toEqual({ become: { kind: 'direct' }, user: 'app' });
    expect(neededUser(sudo, undefined, 'app')).toEqual({ become: { kind: 'direct' } });
    expect(neededUser(sudo, 'other', 'app')).toEqual({ become: sudo });
    expect(neededUser(sudo, undefined, 'joe')).toEqual({ become: sudo });
  });

  it('never holds a password', () => {
    for (const kind of ['sudo', 'su'] as const)
      expect(
        becomeCommand(PROGRAM, { become: { kind, user: 'app', password: 'hunter2' } }, 'mark').command,
      ).not.toContain('hunter2');
  });

  it.runIf(process.getuid?.() === 0)('gives the user his home, and root none of what is his', () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-step-'));
    const setpriv = `#!/bin/sh\n[ "$1" = --help ] || env >>${folder}/roots\nexec /usr/bin/setpriv "$@"\n`;
    writeFileSync(join(folder, 'setpriv'), setpriv, { mode: 0o755 });
    const { command, first } = becomeCommand(
      { head: 'echo "$(id -un) $USER $LOGNAME $HOME $SHELL"', rest: '' },
      { become: { kind: 'direct' }, user: 'nobody' },
      'mark',
    );
    const env = { PATH: `${folder}:/usr/bin:/bin`, HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/sh' };
    const { stdout } = spawnSync('/bin/sh', ['-c', command], { input: first, env, cwd: '/', encoding: 'utf8' });
    const nobody = findAccount('nobody')!;
    expect(stdout).toBe(`nobody nobody nobody ${nobody.home} ${nobody.shell}\n`);
    const roots = readFileSync(join(folder, 'roots'), 'utf8');
    expect(roots).toContain('HOME=/root\n');
    expect(roots).not.toContain(nobody.home);
    rmSync(folder, { recursive: true, force: true });
  });

  it('tells apart what sudo and su say', () => {
    const sudo = (text: string): string | undefined =>
      becomeFault(text, { become: { kind: 'sudo', user: 'app', password: 'x' } })?.code;
    expect(sudo('Corp PIN: \nsudo: a password is required\n')).toBe('become-not-allowed');
    expect(becomeFault('sudo: a password is required\n', { become: { kind: 'sudo', user: 'app' } })?.code).toBe(
      'become-password-missing',
    );
    expect(sudo('Sorry, try again.\nsudo: no password was provided\n')).toBe('become-password-wrong');
    expect(sudo('sudo: 1 incorrect password attempt\n')).toBe('become-password-wrong');
    expect(sudo('joe is not in the sudoers file.\n')).toBe('become-not-allowed');
    expect(sudo("Sorry, user joe is not allowed to execute '/bin/sh' as app on web1.\n")).toBe('become-not-allowed');
    expect(sudo('sudo: unknown user app\n')).toBe('user-unknown');
    expect(sudo('sh: 1: exec: sudo: not found\n')).toBe('interpreter-missing');
    expect(sudo('sudo: Account or password is expired, reset your password and try again\n')).toBe(
      'become-not-allowed',
    );
  });

  it('tells in the words of the host what it does not know', () => {
    for (const [kind, text] of [
      ['su', 'This account is currently not available.'],
      ['sudo', 'Corp PIN rejected'],
    ] as const)
      expect(becomeFault(`\n${text}\n`, { become: { kind, user: 'app', password: 'x' } })).toMatchObject({
        code: 'become-not-allowed',
        detail: expect.stringContaining(`it said "${text}"`),
      });
  });

  it('hears what they say, and neither its own question nor what came before them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-become-'));
    const sudo = (text: string): void => writeFileSync(join(folder, 'sudo'), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const login = join(folder, 'login');
    writeFileSync(
      login,
      '#!/bin/sh\necho "sudo: unknown user app" >&2; echo drover-asks-for-a-password >&2; head -c 9000 /dev/zero ' +
        '| tr "\\0" x >&2\nexec dash "$@"\n',
      { mode: 0o755 },
    );
    const shell = localShell([login], { PATH: `${folder}:/usr/bin:/bin` });
    const opening = (): Promise<RemoteConversation> =>
      RemoteConversation.open(
        shell,
        PROGRAM,
        { become: { kind: 'sudo', user: 'app', password: 'hunter2' } },
        systemClock,
      );
    const asks = 'while [ "$1" != -p ]; do shift; done; printf %s "$2" >&2; read -r x';
    sudo(`${asks}; echo "joe is not in the sudoers file." >&2; exit 1`);
    await expect(opening()).rejects.toMatchObject({
      code: 'become-not-allowed',
      detail: 'The host does not let this account become app with sudo: joe is not in the sudoers file.',
    });
    sudo(`echo "joe is not in the sudoers file." >&2; ${asks}; exit 1`);
    await expect(opening()).rejects.toMatchObject({
      detail: expect.stringMatching(/: joe is not in the sudoers file\.$/),
    });
    sudo(`${asks}; exit 1`);
    await expect(opening()).rejects.toMatchObject({
      code: 'become-not-allowed',
      detail: expect.stringContaining('it said nothing'),
    });
    expect(becomeStuck('', { become: { kind: 'sudo', user: 'root' } }).detail).toContain('it said nothing');
    rmSync(folder, { recursive: true });
  });

  it('gives up at a question that has no answer, and says which', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-become-'));
    writeFileSync(join(folder, 'sudo'), '#!/bin/sh\nprintf "Verification code: " >&2\nexec sleep 60\n', {
      mode: 0o755,
    });
    // All time limits are over as soon as it has asked.
    const asked = (): boolean => shell.heard.includes('code: ');
    const clock: Clock = {
      ...systemClock,
      after: (_delayMs, callback) => {
        void until('the question', asked).then(callback);
        return () => undefined;
      },
    };
    const shell = Object.assign(localShell(['dash'], { PATH: `${folder}:/usr/bin:/bin` }), { heard: '' });
    const exec = shell.exec.bind(shell);
    shell.exec = async (command) => {
      const channel = await exec(command);
      channel.stderr.on('data', (bytes: Buffer) => (shell.heard += bytes.toString()));
      return channel;
    };
    const opening = RemoteConversation.open(
      shell,
      PROGRAM,
      { become: { kind: 'sudo', user: 'app', password: 'hunter2' } },
      clock,
    );
    await expect(opening).rejects.toMatchObject({
      code: 'become-not-allowed',
      detail: expect.stringMatching(/within 30 s.*Verification code/),
    });
    rmSync(folder, { recursive: true });
  });
});
