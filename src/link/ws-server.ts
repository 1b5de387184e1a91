/**
 * Accepts links on upgrades of an HTTPS server: only with a certificate of our CA for the wanted role, and only so many
 * a second and of one peer.
 */
import { constants } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import { errors, type ErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { SecondCount } from '../base/second-count.ts';
import { TLS_SPOKEN } from '../base/tls.ts';
import { NOBODY, type LinkListener, type OnLink, type Peer, type PeerRole } from './link.ts';
import { LoopTurns } from './loop-turns.ts';
import { watchLinks, WsLink, type LinkEnd } from './ws-link.ts';

/**
 * TLS of a socket that links come in on: as on the server's port, so that a probe or a proxy that knows 1.2 alone hears
 * an answer; our own ends dial with 1.3 only. Links live for days: no session tickets, which cost memory for the life
 * of each. X25519 alone, because the public part of a hybrid exchange stays with each connection too (5 KiB of OpenSSL
 * 3.5's ML-KEM); see ADR 0010.
 */
export const LINK_TLS = {
  ...TLS_SPOKEN,
  secureOptions: constants.SSL_OP_NO_TICKET,
  ecdhCurve: 'X25519',
} as const satisfies TlsOptions;

export interface LinkServerOptions extends LinkEnd {
  readonly role: PeerRole;
  readonly clock: Clock;
  /** Says why a peer may not link, or nothing. */
  readonly refuse?: (id: string) => ErrorCode | undefined;
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

  /** One peer that links again and again uses up its own share first. */
  const admit = (id: string): boolean =>
    admittedOf.take(id) && admitted.take('all') && links.size < (options.linksMax ?? limits.agentsPerWorkerMax);

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
      const subject = tls.authorized
        ? (tls.getPeerCertificate().subject as unknown as { CN?: string; OU?: string; O?: string })
        : undefined;
      if (!subject?.CN || subject.OU !== options.role)
        return refuseUpgrade(socket, ...certificateFault(tls, options.role, clock.nowMs()));
      const refusal = options.refuse?.(subject.CN) ?? (admit(subject.CN) ? undefined : 'link-busy');
      if (refusal) return refuseUpgrade(socket, refusal);
      const { CN: id, O: hostId } = subject;
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
function certificateFault(tls: TLSSocket, role: PeerRole, nowMs: number): [ErrorCode, string] {
  const fault = tls.authorizationError as unknown;
  if (!fault) return ['certificate-invalid', `A certificate for the role ${role} is wanted here.`];
  const why = String((fault as { code?: unknown }).code ?? fault);
  const { valid_from: from, valid_to: to } = tls.getPeerCertificate();
  const now = new Date(nowMs).toISOString();
  if (why === 'CERT_HAS_EXPIRED')
    return [
      'certificate-expired',
      `The certificate ended at ${to}; the clock here says ${now}. Start the ${role} once with a new join token ` +
        `on the same data folder (drover ${role} --join ` +
        `TOKEN).${role === 'agent' ? ' The host keeps its identity.' : ''}`,
    ];
  if (why === 'CERT_NOT_YET_VALID')
    return [
      'certificate-invalid',
      `The certificate begins at ${from}; the clock here says ${now}. Set the clocks of both machines (NTP).`,
    ];
  return ['certificate-invalid', `The certificate is not one of this fleet (${why}).`];
}

function refuseUpgrade(socket: Duplex, code: ErrorCode, detail = ''): false {
  const { status, title } = errors[code];
  const body = JSON.stringify({ code, title, detail });
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nContent-Length: ` +
      `${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  return false;
}
