/**
 * Live output as whole lines with their host before them. Pieces of a stream come in order but cut anywhere; some may be skipped, and
 * after a reconnection some come twice. What never came live is filled in from the record once the execution has ended.
 */
import { StringDecoder } from 'node:string_decoder';

export interface LivePiece {
  /** Absent where it is of a task without hosts. */
  readonly host?: string | undefined;
  /** Of a task that is done once for each of several. */
  readonly item?: string | undefined;
  readonly task: number;
  readonly ordinal: number;
  readonly attempt: number;
  readonly stream: 'stdout' | 'stderr';
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface StreamState {
  attempt: number;
  decoder: StringDecoder;
  rest: string;
  shown: number;
}

/** A line is shown without its end when it grows beyond this. */
const LINE_CHARACTERS_MAX = 64 * 1024;

export class LiveLines {
  readonly #streams = new Map<string, StreamState>();

  /** Bytes of this stream that were shown or are known to be missing. */
  shown(piece: Pick<LivePiece, 'task' | 'ordinal' | 'attempt' | 'stream'>): number {
    return this.#state(piece).shown;
  }

  /** The lines that this piece completes. */
  take(piece: LivePiece): string[] {
    const state = this.#state(piece);
    if (state.attempt > piece.attempt) return [];
    const fresh = unseen(piece, state.shown);
    // A piece without bytes tells of a gap, where nothing more comes after it.
    if (fresh.length === 0 && piece.offset + piece.bytes.length <= state.shown) return [];
    const lines: string[] = [];
    const from = piece.offset + piece.bytes.length - fresh.length;
    if (from > state.shown)
      lines.push(...this.#end(state), `… ${from - state.shown} bytes were skipped; they are in the record`);
    state.shown = from + fresh.length;
    const parts = (state.rest + state.decoder.write(Buffer.from(fresh))).split('\n');
    state.rest = parts.pop()!;
    lines.push(...parts.map((line) => line.replace(/\r$/, '')));
    if (state.rest.length > LINE_CHARACTERS_MAX) lines.push(...this.#end(state));
    return lines;
  }

  /** What has no line end yet, when nothing more will come. */
  flush(piece: Pick<LivePiece, 'task' | 'ordinal' | 'attempt' | 'stream'>): string[] {
    return this.#end(this.#state(piece));
  }

  #end(state: StreamState): string[] {
    const rest = state.rest + state.decoder.end();
    state.rest = '';
    return rest === '' ? [] : [rest];
  }

  #state({ task, ordinal, attempt, stream }: Pick<LivePiece, 'task' | 'ordinal' | 'attempt' | 'stream'>): StreamState {
    const key = `${task} ${ordinal} ${stream}`;
    let state = this.#streams.get(key);
    if (!state || state.attempt < attempt)
      this.#streams.set(key, (state = { attempt, decoder: new StringDecoder('utf8'), rest: '', shown: 0 }));
    return state;
  }
}

/** The part of a piece that lies beyond what was shown. */
export function unseen(piece: Pick<LivePiece, 'offset' | 'bytes'>, shown: number): Uint8Array {
  return piece.bytes.subarray(Math.min(piece.bytes.length, Math.max(0, shown - piece.offset)));
}
