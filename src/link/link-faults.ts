/** Frames that ended their link: told in the log, and counted for `/metrics`. */
import type { ErrorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { LinkFault } from './link.ts';

export class LinkFaults {
  readonly #log: Log;
  readonly #onCounted: (code: ErrorCode) => void;
  #total = 0;

  constructor(log: Log, onCounted: (code: ErrorCode) => void = () => undefined) {
    this.#log = log;
    this.#onCounted = onCounted;
  }

  /** Since the process started. */
  get total(): number {
    return this.#total;
  }

  readonly note = ({ peer, code, error }: LinkFault): void => {
    this.#total++;
    this.#onCounted(code);
    // A bug keeps its stack; what is no frame is told in one line, whoever sends it.
    const what = code === 'frame-invalid' ? { detail: (error as Error).message } : { err: error };
    this.#log.warn(
      { role: peer.role, id: peer.id, address: peer.address, code, ...what },
      'a link was ended because of a frame',
    );
  };
}
