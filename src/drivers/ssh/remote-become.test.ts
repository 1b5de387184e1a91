import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../base/clock.ts';
import { localShell } from '../../../test/support/local-shell.ts';
import { until } from '../../../test/support/until.ts';
import { becomeCommand, becomeFault, becomeStuck } from './remote-become.ts';
import { RemoteConversation } from './remote-conversation.ts';
import { attachProgram, startProgram } from './remote-program.ts';

describe('the command of a channel', () => {
  it('survives any login shell: one line, no quote, nothing that csh expands', () => {
    for (const program of [startProgram, attachProgram]) {
      expect(program).not.toMatch(/['\n]/);
      expect(program).not.toMatch(/!(?![ =])/);
    }
  });

  it('never holds a password', () => {
    for (const kind of ['sudo', 'su'] as const)
      expect(becomeCommand('true', { become: { kind, user: 'app', password: 'hunter2' } }).command).not.toContain(
        'hunter2',
      );
  });

  it('tells apart what sudo and su say', () => {
    const sudo = (text: string): string | undefined =>
      becomeFault(text, { become: { kind: 'sudo', user: 'app', password: 'x' } })?.code;
    expect(sudo('sudo: a password is required\n')).toBe('become-password-missing');
    expect(sudo('Sorry, try again.\nsudo: no password was provided\n')).toBe('become-password-wrong');
    expect(sudo('sudo: 1 incorrect password attempt\n')).toBe('become-password-wrong');
    expect(sudo('joe is not in the sudoers file.\n')).toBe('become-not-allowed');
    expect(sudo("Sorry, user joe is not allowed to execute '/bin/sh' as app on web1.\n")).toBe('become-not-allowed');
    expect(sudo('sudo: unknown user app\n')).toBe('user-unknown');
    expect(sudo('sh: 1: exec: sudo: not found\n')).toBe('interpreter-missing');
    expect(sudo('sudo: Account or password is expired, reset your password and try again\n')).toBe(
      'become-not-allowed',
    );
    expect(sudo('something else\n')).toBeUndefined();
  });

  it('quotes them without its own question, and says that they said nothing where only that was heard', () => {
    const user = { become: { kind: 'sudo', user: 'root', password: 'x' } } as const;
    const question = /-p (\S+)/.exec(becomeCommand('true', user).command)![1]!;
    expect(becomeFault(`${question}joe is not in the sudoers file.\n`, user)?.detail).toBe(
      'The host does not let this account become root with sudo: joe is not in the sudoers file.',
    );
    expect(becomeFault(`joe is not in the sudoers file.\n${question}`, user)?.detail).toMatch(
      /: joe is not in the sudoers file\.$/,
    );
    expect(becomeStuck(question, user).detail).toContain('it said nothing');
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
      'true',
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
