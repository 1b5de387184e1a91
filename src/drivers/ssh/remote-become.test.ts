import { describe, expect, it } from 'vitest';
import { becomeCommand, becomeFault } from './remote-become.ts';
import { attachProgram, startProgram } from './remote-program.ts';

describe('the command of a channel', () => {
  it('survives any login shell: one line, no quote, nothing that csh expands', () => {
    for (const program of [startProgram, attachProgram]) {
      expect(program).not.toMatch(/['\n]/);
      expect(program).not.toMatch(/!(?![ =])/);
    }
  });

  it('never holds a password', () => {
    for (const kind of ['sudo', 'su'] as const) expect(becomeCommand('true', { become: { kind, user: 'app', password: 'hunter2' } }).command).not.toContain('hunter2');
  });

  it('tells apart what sudo and su say', () => {
    const sudo = (text: string): string | undefined => becomeFault(text, { become: { kind: 'sudo', user: 'app', password: 'x' } })?.code;
    expect(sudo('sudo: a password is required\n')).toBe('become-password-missing');
    expect(sudo('Sorry, try again.\nsudo: no password was provided\n')).toBe('become-password-wrong');
    expect(sudo('sudo: 1 incorrect password attempt\n')).toBe('become-password-wrong');
    expect(sudo('joe is not in the sudoers file.\n')).toBe('become-not-allowed');
    expect(sudo('Sorry, user joe is not allowed to execute \'/bin/sh\' as app on web1.\n')).toBe('become-not-allowed');
    expect(sudo('sudo: unknown user app\n')).toBe('user-unknown');
    expect(sudo('sh: 1: exec: sudo: not found\n')).toBe('interpreter-missing');
    expect(sudo('something else\n')).toBeUndefined();
  });
});
