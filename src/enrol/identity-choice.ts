/**
 * Whether a process goes on as who it was, or joins. A join token that is new, or any for a certificate that has expired, means
 * joining again on the same data folder. A token that stays in a unit file and was used before means nothing.
 */
import { createHash } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { renewalTimes } from '../pki/identity.ts';

export async function identityOf<T extends { readonly certificate: string; readonly joinedWith?: string }>(
  known: T | undefined,
  token: string | undefined,
  log: Log,
  enrol: () => Promise<T>,
): Promise<T> {
  if (!known) return enrol();
  const hasExpired = systemClock.nowMs() > renewalTimes(known.certificate).untilMs;
  const isNew = token !== undefined && known.joinedWith !== fingerprintOf(token);
  if (token !== undefined && (isNew || hasExpired)) {
    try {
      const joined = await enrol();
      log.info({}, 'joined again, with the token that --join or DROVER_JOIN gave');
      return joined;
    } catch (error) {
      // Who gave a new token because there is no other way in wants to hear at once that it is of no use.
      if ((isNew && hasExpired) || !(error instanceof DroverError)) throw error;
      log.warn({ code: error.code, detail: error.detail }, 'could not join again; going on as before');
    }
  }
  if (token !== undefined && !isNew && !hasExpired)
    log.info({}, 'has joined with this very token before: --join and DROVER_JOIN do nothing now');
  // Scripts of before may still run and must be watched; and perhaps it is only the clock.
  if (hasExpired)
    log.error(
      { code: 'certificate-expired' },
      'the certificate has expired; start once with --join TOKEN, a new one, on this data folder (drover agents ' +
        'join-token create). Check the clock first.',
    );
  return known;
}

/** Tells tokens apart without keeping one. */
export function fingerprintOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
