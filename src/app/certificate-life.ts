/** How long certificates of agents and workers are valid: what `DROVER_CERTIFICATE_LIFE` of a server says, or the default. */
import { parseDurationMs } from '../base/duration.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

/** In milliseconds. Shorter than the default means that what is stolen is of use for less long. Throws `bad-duration`. */
export function certificateLifeMs(text: string | undefined): number {
  if (text === undefined) return limits.agentCertificateMs;
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < limits.agentCertificateMsMin || ms > limits.agentCertificateMs)
    throw new DroverError('bad-duration', {
      detail:
        `DROVER_CERTIFICATE_LIFE wants a duration from ${limits.agentCertificateMsMin / 1_000}s to ` +
        `${limits.agentCertificateMs / 86_400_000}d, not ${JSON.stringify(text)}.`,
    });
  return ms;
}
