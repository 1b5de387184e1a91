/** What the program says that is in the way, and what its silence means, as errors. Faults of the way there are in ssh-faults.ts. */
import { DroverError, isErrorCode } from '../../../base/errors.ts';
import { programLackDetail, type ProgramLack, type ProgramOrigin } from '../../../domain/run/interpreter.ts';

/** It took a channel, and may yet do what it was told. */
export function silence(waitedMs: number): DroverError {
  return new DroverError('ssh-timeout', {
    detail:
      `The login works, and the shell of the host says nothing for ${waitedMs / 1_000} s: its start-up files, or ` +
      'the file server of its home, may hang.',
  });
}

export function remoteFault(words: readonly string[]): DroverError {
  const code = words[1] ?? '';
  const detail = words.slice(2).join(' ');
  switch (code) {
    case 'directory-missing':
      return new DroverError(code, { detail: `There is no folder ${detail} on this host, or it cannot be entered.` });
    case 'interpreter-missing': {
      const [origin, lack, ...rest] = words.slice(2);
      const [, names, where] = /^(.*?)(?: \(looked in (.*)\))?$/.exec(rest.join(' ')) ?? [];
      return new DroverError(code, {
        detail: programLackDetail(origin as ProgramOrigin, lack as ProgramLack, names ?? '', where),
      });
    }
    case 'spool-full':
      return new DroverError(code, {
        detail:
          `The script or its output could not be written in ${detail} on the host: there is no space, or the ` +
          'connection was cut while it was sent.',
      });
    default:
      return new DroverError(isErrorCode(code) ? code : 'spawn-failed', { detail: `The host said: ${detail}` });
  }
}

/** Faults that say what is wrong with the host or the account; the others are the connection's. */
export function isRefusalCode(code: string): boolean {
  return (
    code !== 'link-lost' &&
    isErrorCode(code) &&
    (code.startsWith('become-') ||
      ['user-unknown', 'user-not-permitted', 'interpreter-missing', 'spawn-failed', 'spool-unwritable'].includes(code))
  );
}
