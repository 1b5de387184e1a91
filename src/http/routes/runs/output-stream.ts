/** Kept output, which may be tens of MiB: read and written a piece at a time, as fast as it is taken. */
import { keptOutputRead } from '../../../app/run-view.ts';
import { systemClock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import type { AttemptKey } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import type { Call } from '../../operation.ts';
import { written } from '../../slow-reader.ts';

/**
 * The headers are on the reply already. Throws `output-not-available` before anything is written; an answer that breaks
 * later is cut off.
 */
export async function streamOutput(
  call: Pick<Call<unknown, unknown, unknown>, 'ctx' | 'caller' | 'request' | 'reply' | 'whileValid'>,
  attempt: AttemptKey,
  stream: 1 | 2,
  range: { readonly offset: number; readonly length: number },
): Promise<unknown> {
  const { ctx, caller, reply, request } = call;
  const end = range.offset + range.length;
  const read = (offset: number): Promise<Uint8Array | undefined> =>
    keptOutputRead(ctx, caller, attempt, stream, { offset, length: end - offset });
  const first = await read(range.offset);
  if (!first)
    throw new DroverError('output-not-available', { detail: 'The output has not arrived, or is no longer kept.' });
  if (first.length < limits.outputReadBytes) return Buffer.from(first);
  const abort = new AbortController();
  const stopValid = call.whileValid(() => reply.raw.destroy());
  const { raw } = reply;
  raw.on('close', () => abort.abort());
  raw.writeHead(200, reply.getHeaders() as Record<string, string>);
  reply.hijack();
  try {
    const how = { clock: systemClock, signal: abort.signal, stalledMsMax: limits.readerStalledMsMax };
    let offset = range.offset;
    for (let bytes: Uint8Array | undefined = first; bytes && bytes.length > 0 && !abort.signal.aborted; ) {
      await written(raw, bytes, how);
      offset += bytes.length;
      bytes = offset < end ? await read(offset) : undefined;
    }
    raw.end();
  } catch (error) {
    ctx.log.warn({ requestId: request.id, err: error }, 'an answer was cut off');
    raw.destroy();
  } finally {
    stopValid();
  }
  return reply;
}
