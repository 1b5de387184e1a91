/**
 * Writing to whoever may read slowly, or not at all: the next piece is asked for when the last is taken, and a reader
 * who takes nothing for long is given up.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';

/** Resolves when there is room for more, or the signal aborts; throws `reader-too-slow`. */
export function written(
  raw: ServerResponse,
  bytes: Uint8Array | string,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly stalledMsMax: number },
): Promise<void> {
  const { clock, signal, stalledMsMax } = options;
  if (signal.aborted || raw.write(bytes)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => (): void => {
      cancel();
      raw.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onDrain = end(resolve);
    const onAbort = end(resolve);
    const cancel = clock.after(
      stalledMsMax,
      end(() => reject(new DroverError('reader-too-slow', { detail: 'Nothing of what was sent was read for long.' }))),
    );
    raw.on('drain', onDrain);
    signal.addEventListener('abort', onAbort);
  });
}
