/** Frames that ended their link, or were passed over: told in the log, and counted for `/metrics`. */
import type { ErrorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { LinkFault, Peer } from './link.ts';

export class LinkFaults {
  readonly #log: Log;
  readonly #onCounted: (code: ErrorCode) => void;
  readonly #onPassedOver: () => void;
  #total = 0;
  #passedOver = 0;

  constructor(
    log: Log,
    onCounted: (code: ErrorCode) => void = () => undefined,
    onPassedOver: () => void = () => undefined,
  ) {
    this.#log = log;
    this.#onCounted = onCounted;
    this.#onPassedOver = onPassedOver;
  }

  /** Since the process started. */
  get total(): number {
    return this.#total;
  }

  /** Frames of types that are not known here, since the process started. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** A newer peer may say more, and that is no fault: it is told once for each link. */
  readonly notePassedOver = (peer: Peer, count: number): void => {
    this.#passedOver++;
    this.#onPassedOver();
    if (count > 1) return;
    this.#log.info(
      { role: peer.role, id: peer.id, address: peer.address },
      'a peer says what is not known here: frames of such types are passed over',
    );
  };

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
