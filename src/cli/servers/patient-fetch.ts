/**
 * Fetches that outlast a server's absence for a moment, as during its restart. What they send may be sent twice: reads change nothing,
 * and every mutation carries an Idempotency-Key.
 *
 * `resuming` is for every call: a server that is not reached is told at once, but a call that was cut off in the middle, of which nobody
 * knows whether it arrived, is repeated until that is known. `patient` is for calls about a run that is there: it waits for the server.
 */
import { refusalText } from '@drover/sdk';
import { pause, systemClock, type Clock } from '../../base/clock.ts';

const PATIENCE_MS = 60_000;
const PAUSE_MS = { first: 100, most: 3_000 };
const AWAY = new Set([502, 503, 504]);
/** The connection was there and ended before the answer did. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

export interface PatientOptions {
  readonly kind: 'resuming' | 'patient';
  readonly clock?: Clock;
  readonly patienceMs?: number;
  readonly fetch?: (request: Request) => Promise<Response>;
}

export function patientFetch(options: PatientOptions): typeof fetch {
  const { clock = systemClock, patienceMs = PATIENCE_MS } = options;
  const send = options.fetch ?? ((request: Request) => fetch(request));
  return async (input, init) => {
    const request = new Request(input, init);
    const until = clock.monotonicMs() + patienceMs;
    let waits = options.kind === 'patient';
    for (let waitMs = PAUSE_MS.first; ; waitMs = Math.min(PAUSE_MS.most, waitMs * 2)) {
      const isLast = clock.monotonicMs() + waitMs > until;
      try {
        const { isAway, answer } = await whetherAway(await send(request.clone()));
        if (isLast || !waits || !isAway) return answer;
      } catch (error) {
        waits ||= CUT.has(String((error as { cause?: { code?: unknown } }).cause?.code));
        if (isLast || !waits || request.signal.aborted) throw error;
      }
      await pause(clock, waitMs, request.signal);
    }
  };
}

/** A gateway without its server, or a server that stops or starts; but not its word that a host is away. */
async function whetherAway(response: Response): Promise<{ isAway: boolean; answer: Response }> {
  if (!AWAY.has(response.status)) return { isAway: false, answer: response };
  const { text, again } = await refusalText(response);
  return { isAway: !/"code":\s*"host-not-linked"/.test(text), answer: again };
}
