/**
 * Accepts links on upgrades of an HTTPS server: only of whoever proves a certificate of our authority for the wanted role, and only so
 * many a second and of one peer.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import { errors, type ErrorCode } from '../base/errors.ts';
import { farewell } from '../base/farewell.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { SecondCount } from '../base/second-count.ts';
import { PEER_HEADER, PeerProofs, type PeerCheck } from '../pki/peer-proof.ts';
import { NOBODY, type LinkListener, type OnLink, type Peer, type PeerRole } from './link.ts';
import { LoopTurns } from './loop-turns.ts';
import { watchLinks, WsLink, type LinkEnd } from './ws-link.ts';

export interface LinkServerOptions extends LinkEnd {
  readonly role: PeerRole;
  /** The certificate of the authority whose word counts, as PEM. */
  readonly authority: string;
  readonly clock: Clock;
  /** Says why a peer may not link, or nothing. */
  readonly refuse?: (id: string) => ErrorCode | undefined;
  /** Its certificate is good, whether or not there is a place for it now. */
  readonly onProved?: (socket: TLSSocket) => void;
  readonly linksMax?: number;
  readonly heartbeatMs?: number;
  readonly silentMs?: number;
}

export interface LinkServer<In extends { t: string }, Out extends { t: string }> extends LinkListener<In, Out> {
  readonly size: number;
  /** False: it was refused, and has been told so. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
}

export function createLinkServer<In extends { t: string }, Out extends { t: string }>(
  options: LinkServerOptions,
): LinkServer<In, Out> {
  const { clock } = options;
  const proofs = new PeerProofs(options.authority);
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.frameBytesMax,
    skipUTF8Validation: true,
    clientTracking: false,
  });
  const links = new Set<WsLink<In, Out>>();
  const turns = new LoopTurns();
  let stopWatch: (() => void) | undefined;
  let onLink: OnLink<In, Out> = (link) => {
    link.close('shutting-down');
    return NOBODY;
  };
  const admitted = new SecondCount(clock, limits.linkAdmissionsPerSecond);
  const admittedOf = new SecondCount(clock, limits.linksPerPeerPerSecond);
  const countOf = new Map<string, number>();

  /** One peer that links again and again uses up its own share first, and of that alone its handshakes are forgiven. */
  const admit = (id: string, socket: TLSSocket): boolean => {
    if (!admittedOf.take(id)) return false;
    options.onProved?.(socket);
    return admitted.take('all') && links.size < (options.linksMax ?? limits.agentsPerWorkerMax);
  };

  const leave = (link: WsLink<never, never>): void => {
    if (!links.delete(link as WsLink<In, Out>)) return;
    const { id } = link.peer;
    const left = countOf.get(id)! - 1;
    if (left > 0) countOf.set(id, left);
    else countOf.delete(id);
  };

  const end: LinkEnd = { ...options, onGone: leave };

  // A function of its own: whatever lives as long as the link must not keep the request alive as well.
  const open = (ws: WebSocket, peer: Peer, socket: Duplex): void => {
    const link = new WsLink<In, Out>(ws, peer, end, { turns, clock, below: socket });
    links.add(link);
    countOf.set(peer.id, (countOf.get(peer.id) ?? 0) + 1);
    // Its oldest is as good as dead: an honest peer has one, and those that say nothing must not fill the place of others.
    if (countOf.get(peer.id)! > limits.linksPerPeerMax) {
      const oldest = [...links].find((other) => other.peer.id === peer.id)!;
      leave(oldest as WsLink<never, never>);
      oldest.abandon('linked again and again');
    }
    link.open(onLink);
  };

  const server: LinkServer<In, Out> = {
    name: `link-server-${options.role}`,
    get size() {
      return links.size;
    },
    async start(hears) {
      onLink = hears;
      stopWatch = watchLinks(
        links as Set<WsLink<never, never>>,
        clock,
        options.heartbeatMs ?? limits.linkHeartbeatMs,
        options.silentMs ?? limits.linkSilentMsMax,
      );
    },
    async stop() {
      stopWatch?.();
      for (const link of links) link.close('shutting-down', 'This process is stopping.');
      sockets.close();
    },
    handleUpgrade(request, socket, head) {
      const tls = socket as TLSSocket;
      const check = proofs.check(tls, request.headers[PEER_HEADER], clock.nowMs());
      if (check.kind !== 'proved' || check.peer.role !== options.role)
        return refuseUpgrade(socket, clock, ...certificateFault(check, options.role, clock.nowMs()));
      const { id, hostId } = check.peer;
      const refusal = options.refuse?.(id) ?? (admit(id, tls) ? undefined : 'link-busy');
      if (refusal) return refuseUpgrade(socket, clock, refusal);
      forgetHandshake(tls);
      const peer: Peer = {
        role: options.role,
        id,
        address: tls.remoteAddress ?? '',
        ...given({ hostId }),
      };
      sockets.handleUpgrade(request, socket, head, (ws) => open(ws, peer, socket));
      return true;
    },
  };
  return server;
}

/** Node keeps the timer of a handshake that is over for as long as the socket lives. */
function forgetHandshake(tls: TLSSocket): void {
  const timer = Object.getOwnPropertySymbols(tls).find((symbol) => symbol.description === 'timeout');
  if (timer) (tls as unknown as Record<symbol, unknown>)[timer] = null;
}

/** Why a certificate does not count, in words that say what to do; a clock that is off is told with both times. */
function certificateFault(check: PeerCheck, role: PeerRole, nowMs: number): [ErrorCode, string] {
  const now = new Date(nowMs).toISOString();
  switch (check.kind) {
    case 'ended':
      return [
        'certificate-expired',
        `The certificate ended at ${check.at}; the clock here says ${now}. Start the ${role} once with a new join token ` +
          `on the same data folder (drover ${role} --join ` +
          `TOKEN).${role === 'agent' ? ' The host keeps its identity.' : ''}`,
      ];
    case 'not-begun':
      return [
        'certificate-invalid',
        `The certificate begins at ${check.at}; the clock here says ${now}. Set the clocks of both machines (NTP).`,
      ];
    case 'not-believed':
      return ['certificate-invalid', `The certificate is not one of this fleet: ${check.why}.`];
    default:
      return ['certificate-invalid', `A certificate for the role ${role} is wanted here.`];
  }
}

function refuseUpgrade(socket: Duplex, clock: Clock, code: ErrorCode, detail = ''): false {
  const { status, title } = errors[code];
  const body = JSON.stringify({ code, title, detail });
  farewell(
    socket,
    clock,
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nContent-Length: ` +
      `${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  return false;
}
