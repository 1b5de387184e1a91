/**
 * A link: one authenticated connection between server and worker or worker and agent. TLS 1.3 with certificates of the
 * server's own CA at both ends; one MessagePack map per binary WebSocket message. `ws-server.ts` accepts, `ws-client.ts`
 * dials; both yield this, and hand it to whom they were started for. Who the peer is comes from its certificate alone, never from a frame.
 */
import type { ErrorCode } from '../base/errors.ts';

export type PeerRole = 'server' | 'worker' | 'agent';

export interface Peer {
  readonly role: PeerRole;
  /** The id in the certificate (subject CN). */
  readonly id: string;
  /** The host that an agent's certificate is for (subject O). */
  readonly hostId?: string;
  /** Remote address, for logs only. */
  readonly address: string;
}

/**
 * Why one end has ended a link: `frame-invalid` for what is no frame, the code of what was thrown for one that could
 * not be carried out.
 */
export interface LinkFault {
  readonly peer: Peer;
  readonly code: ErrorCode;
  readonly error: unknown;
}

export interface Link<Out extends { t: string }> {
  readonly peer: Peer;
  readonly openedAtMs: number;
  /** False when the link is closed or its send buffer is over the limit: the frame was not taken, the sender keeps it. */
  send(frame: Out): boolean;
  /** Like send, for a frame encoded before (fan-out of the same bytes). */
  sendEncoded(bytes: Uint8Array): boolean;
  /** Bytes accepted by send that the network has not taken yet. */
  readonly bufferedBytes: number;
  /** Stops and resumes reading: back-pressure towards the peer. */
  pause(): void;
  resume(): void;
  /** Closes after what was sent; `code` is an error code told to the peer. Safe twice. */
  close(code?: string, detail?: string): void;
}

/** What is made of what comes over one link. */
export interface LinkHandlers<In extends { t: string }> {
  /** Called with nothing but whole frames. What it throws, at once or later, ends this link and nothing else. */
  onFrame(frame: In): void | Promise<void>;
  /** Called once, also of a link that ended while it was being opened. A link silent for `linkSilentMsMax` closes by itself. */
  onClose(reason: string): void;
}

/**
 * Given to whoever makes links, when it starts. Called once for each link, before anything is read from it: the answer
 * is what is made of it.
 */
export type OnLink<In extends { t: string }, Out extends { t: string }> = (link: Link<Out>) => LinkHandlers<In>;

/** Of a link that is ended as soon as it is there: nobody hears it. */
export const NOBODY: LinkHandlers<never> = { onFrame: () => undefined, onClose: () => undefined };

/** Makes links until it is stopped: accepts them, or dials. */
interface LinkMaker<In extends { t: string }, Out extends { t: string }> {
  readonly name: string;
  start(onLink: OnLink<In, Out>): Promise<void>;
  /** Safe twice, and before `start`. */
  stop(): Promise<void>;
}

/** Accepts links; the owner of the listening socket decides what else it serves. Whoever comes before it has started is sent away. */
export type LinkListener<In extends { t: string }, Out extends { t: string }> = LinkMaker<In, Out>;

/** Keeps one link to one address up: dials, and dials again with full jitter, until stopped. */
export interface LinkDialer<In extends { t: string }, Out extends { t: string }> extends LinkMaker<In, Out> {
  readonly current: Link<Out> | undefined;
}
