/** Kept output that is too large for its report, in pieces of one size. */
import type { AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { AgentReport } from '../protocol/link/agent-v1.ts';

/** Bytes of a stream that travel as pieces: none when they are in the report itself. */
export function pieceBytes(report: AgentReport, stream: 1 | 2): number {
  const { head, tail, inline } = stream === 1 ? report.stdout : report.stderr;
  return inline ? 0 : head + tail;
}

/** A read ends where head and tail meet; a piece does not. */
export async function fill(
  ledger: Pick<Ledger, 'readKept'>,
  attempt: AttemptId,
  stream: 1 | 2,
  seq: number,
  kept: number,
  first: Uint8Array,
): Promise<Uint8Array> {
  const parts = [first];
  const wanted = Math.min(limits.outputChunkBytes, kept - seq * limits.outputChunkBytes);
  let got = first.length;
  while (got < wanted) {
    const more = await ledger.readKept(attempt, stream, seq * limits.outputChunkBytes + got, wanted - got);
    if (more.length === 0) break;
    parts.push(more);
    got += more.length;
  }
  return parts.length === 1 ? first : Buffer.concat(parts);
}
