/**
 * Who may be connected: so many of an address and in all, with room kept for this machine's own administrators and for addresses that links
 * have come from. A connection that became a link does not count here; links have bounds of their own.
 */
import type { Socket } from 'node:net';
import { limits } from './limits.ts';
import { networkOf } from './network.ts';

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly perAddressMax: number;
  /** Of `connectionsMax`, for those that are known. */
  readonly keptForKnown: number;
}

export const connectionLimits: ConnectionLimits = {
  connectionsMax: limits.connectionsMax,
  perAddressMax: limits.connectionsPerAddressMax,
  keptForKnown: limits.connectionsKeptForKnown,
};
/** Addresses of links that are remembered. */
const LINK_ADDRESSES_MAX = 10_000;

export class ConnectionGuard {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  readonly #linkAddresses = new Set<string>();
  /** Those that count, with the network that they count for. */
  readonly #counted = new Map<Socket, string>();
  /** One for all: of ten thousand links each would keep its own. */
  readonly #onClose: (this: Socket) => void;
  #all = 0;

  constructor(guardLimits: ConnectionLimits = connectionLimits) {
    this.#limits = guardLimits;
    const leave = (socket: Socket): void => this.#leave(socket);
    this.#onClose = function () {
      leave(this);
    };
  }

  get connections(): number {
    return this.#all;
  }

  /** False: there is no room for it. */
  admit(socket: Socket, isLocal: boolean): boolean {
    const { connectionsMax, perAddressMax, keptForKnown } = this.#limits;
    const address = networkOf(socket.remoteAddress ?? '');
    const theirs = this.#byAddress.get(address) ?? 0;
    const isKnown = isLocal || this.#linkAddresses.has(address);
    if (this.#all >= connectionsMax - (isKnown ? 0 : keptForKnown)) return false;
    if (!isLocal && theirs >= perAddressMax) return false;
    this.#all++;
    this.#byAddress.set(address, theirs + 1);
    this.#counted.set(socket, address);
    socket.on('close', this.#onClose);
    return true;
  }

  #leave(socket: Socket): void {
    const address = this.#counted.get(socket);
    if (address === undefined) return;
    this.#counted.delete(socket);
    this.#all--;
    const left = this.#byAddress.get(address)! - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  /** The connection has proved by its certificate that it is a link. */
  isLink(socket: Socket, address: string): void {
    this.#leave(socket);
    socket.off('close', this.#onClose);
    const network = networkOf(address);
    this.#linkAddresses.delete(network);
    this.#linkAddresses.add(network);
    if (this.#linkAddresses.size > LINK_ADDRESSES_MAX)
      this.#linkAddresses.delete(this.#linkAddresses.values().next().value!);
  }
}
