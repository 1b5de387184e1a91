/** In which words a call reaches nobody. */
import { isIP } from 'node:net';
import { DroverError } from '../../base/errors.ts';
import { unreachedText, type Dialer } from '../../outbound/dialer.ts';
import { PLACE_WORDS } from '../../outbound/place-words.ts';

export const HOW_TO_ALLOW = 'where calls of this worker do not go unless it was started with --call-allow for it';

export const CALL_WORDS: Dialer['words'] = {
  notAllowed(host, place) {
    const words = isIP(host) === 0 ? `leads ${HOW_TO_ALLOW}` : `${PLACE_WORDS[place]}, ${HOW_TO_ALLOW}`;
    return new DroverError('call-not-allowed', { detail: `${host} ${words}.` });
  },
  unreachable: (host, error) => unreachable(unreachedText(host, error, 'tls: { ca: … } of the step'), error),
};

export function unreachable(detail: string, cause: unknown): DroverError {
  return cause instanceof DroverError ? cause : new DroverError('call-unreachable', { detail, cause });
}

/** `how`: to have it encrypted, as the beginning of a sentence. */
export function inClear(how: string): DroverError {
  return new DroverError('call-not-allowed', {
    detail:
      `It holds a secret, and would go over the network in clear. ${how}, or start the worker with ` +
      '--call-allow for where it goes.',
  });
}
