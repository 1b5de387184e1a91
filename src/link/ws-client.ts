/**
 * Dials a link and keeps it up: several addresses in turn, full jitter between tries, the peer's certificate checked
 * against our CA and the wanted role before ours is proved.
 */
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { fullJitterMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { errors, isErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { NameLookups } from '../base/node-names.ts';
import type { Random } from '../base/random.ts';
import { endProved } from '../pki/peer-proof.ts';
import { NOBODY, type LinkDialer, type OnLink, type PeerRole } from './link.ts';
import { LoopTurns } from './loop-turns.ts';
import { watchLinks, WsLink, type LinkEnd } from './ws-link.ts';

export interface LinkClientOptions extends LinkEnd {
  /** Asked before every dial: where to, in order of preference. */
  readonly urls: () => readonly string[];
  readonly peerRole: PeerRole;
  /** Asked before every dial: a renewed certificate is used from the next one on. */
  readonly identity: () => { readonly privateKey: string; readonly certificate: string; readonly ca: string };
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: each name by itself, as Node does it, and as often as it is dialled. */
  readonly names?: Pick<NameLookups, 'lookup'>;
  readonly log: Log;
  /** Longest pause between two tries. */
  readonly reconnectCapMs?: number;
  readonly heartbeatMs?: number;
  readonly silentMs?: number;
  /** The peer refused for good: longer pauses, and somebody should know. */
  readonly onRefused?: (code: string, detail: string) => void;
}

/** After a refusal that will not change by itself. */
const REFUSED_PAUSE_MS = 60_000;
/** One of two copies of an agent or a worker: it may be decided any time that it is the one. */
const COPIED_PAUSE_MS = 10_000;
const COPIED: ReadonlySet<string> = new Set(['agent-copied', 'worker-copied']);
/** So long the peer may take to answer a farewell of ours before the line is cut. */
const FAREWELL_MS = 1_000;

export function createLinkClient<In extends { t: string }, Out extends { t: string }>(
  options: LinkClientOptions,
): LinkDialer<In, Out> {
  const { clock, log, random } = options;
  let attempt = 0;
  let turn = 0;
  /** Links that we ended one soon after the other: a peer that speaks and is not understood is no reason to hurry either. */
  let endedHere = 0;
  let stopped = true;
  let cancel = (): void => undefined;
  let stopWatch = (): void => undefined;
  let dialing: WebSocket | undefined;
  let onLink: OnLink<In, Out> = () => NOBODY;
  const links = new Set<WsLink<In, Out>>();
  const turns = new LoopTurns();
  const client = {
    name: `link-client-${options.peerRole}`,
    current: undefined as WsLink<In, Out> | undefined,
    async start(hears: OnLink<In, Out>) {
      onLink = hears;
      stopped = false;
      stopWatch = watchLinks(
        links as Set<WsLink<never, never>>,
        clock,
        options.heartbeatMs ?? limits.linkHeartbeatMs,
        options.silentMs ?? limits.linkSilentMsMax,
      );
      dial();
    },
    async stop() {
      stopped = true;
      cancel();
      stopWatch();
      dialing?.terminate();
      client.current?.close('shutting-down', 'This process is stopping.');
    },
  };

  function again(pauseMs: number): void {
    if (stopped) return;
    cancel();
    cancel = clock.after(pauseMs, dial);
  }

  /** Addresses are what others say: one that is none is told, and the next is tried. */
  function dial(): void {
    try {
      const urls = options.urls();
      if (urls.length === 0) return again(limits.reconnectBaseMs);
      dialTo(urls[turn++ % urls.length]!);
    } catch (error) {
      log[attempt === 0 ? 'warn' : 'debug']({ err: (error as Error).message }, 'an address cannot be dialed');
      again(fullJitterMs(attempt++, limits.reconnectBaseMs, options.reconnectCapMs ?? limits.reconnectCapMs, random));
    }
  }

  function dialTo(url: string): void {
    const identity = options.identity();
    const socket = new WebSocket(url, {
      ca: identity.ca,
      minVersion: 'TLSv1.3',
      perMessageDeflate: false,
      maxPayload: limits.frameBytesMax,
      handshakeTimeout: 10_000,
      ...given({ lookup: options.names?.lookup }),
      skipUTF8Validation: true,
      // The chain is verified against our CA; a name means nothing between machines that move, the role does.
      checkServerIdentity: ((_host: string, certificate: { subject?: { OU?: unknown } }) =>
        certificate.subject?.OU === options.peerRole
          ? undefined
          : new Error(`the peer is not a ${options.peerRole}`)) as never,
      finishRequest: (request) => endProved(request, identity),
    });
    dialing = socket;
    let refusedFor: number | undefined;
    let hasMovedOn = false;
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // Also when it is cut off in the middle: whoever waited for its end would wait for ever.
      response.on('close', () => {
        const problem = parseProblem(Buffer.concat(chunks).toString());
        const passing = !isErrorCode(problem.code) || errors[problem.code].retryable;
        refusedFor = passing ? 1_000 + random.next() * 4_000 : REFUSED_PAUSE_MS * (0.5 + random.next());
        if (!passing) options.onRefused?.(problem.code, problem.detail);
        socket.terminate();
        again(refusedFor);
      });
    });
    socket.on('error', (error) => {
      // Said once per series of tries: a certificate that is not believed is nothing that time heals.
      if (refusedFor === undefined && client.current === undefined)
        log[attempt === 0 ? 'warn' : 'debug']({ url, err: error.message }, 'could not link; it is tried again');
    });
    socket.on('open', () => {
      dialing = undefined;
      const tls = (socket as unknown as { _socket: TLSSocket })._socket;
      const onEnded = (code: string): void => {
        if (!link.isEndedHere) return;
        hasMovedOn = true;
        endHere(link, code);
        socket.once(
          'close',
          clock.after(FAREWELL_MS, () => socket.terminate(), { unref: true }),
        );
      };
      const link = new WsLink<In, Out>(
        socket,
        { role: options.peerRole, id: String(tls.getPeerCertificate().subject.CN), address: url },
        options,
        { turns, clock, onEnded },
      );
      links.add(link);
      client.current = link;
      // Not before the peer has spoken: one that lets us in only to send us away is no reason to hurry.
      socket.once('message', () => (attempt = 0));
      link.open(onLink);
    });
    socket.on('close', (_code, reason) => {
      dialing = undefined;
      if (hasMovedOn) return;
      const wasLinked = client.current !== undefined;
      links.clear();
      client.current = undefined;
      const farewell = reason.toString();
      if (wasLinked && isErrorCode(farewell) && !errors[farewell].retryable) {
        refusedFor = (COPIED.has(farewell) ? COPIED_PAUSE_MS : REFUSED_PAUSE_MS) * (0.5 + random.next());
        options.onRefused?.(farewell, errors[farewell].title);
        again(refusedFor);
      }
      if (refusedFor === undefined)
        again(fullJitterMs(attempt++, limits.reconnectBaseMs, options.reconnectCapMs ?? limits.reconnectCapMs, random));
    });
  }

  /** For what the peer said, or because we want another: what it answers is awaited by nobody. */
  function endHere(link: WsLink<In, Out>, code: string): void {
    links.delete(link);
    if (client.current === link) client.current = undefined;
    const capMs = options.reconnectCapMs ?? limits.reconnectCapMs;
    if (clock.nowMs() - link.openedAtMs > capMs) endedHere = 0;
    if (code !== 'protocol-unsupported') return again(fullJitterMs(endedHere++, limits.reconnectBaseMs, capMs, random));
    options.onRefused?.(code, errors[code].title);
    again(REFUSED_PAUSE_MS * (0.5 + random.next()));
  }

  return client;
}

function parseProblem(body: string): { code: string; detail: string } {
  try {
    const { code, detail } = JSON.parse(body) as { code?: unknown; detail?: unknown };
    return { code: String(code ?? 'internal'), detail: String(detail ?? '') };
  } catch {
    return { code: 'internal', detail: body.slice(0, 200) };
  }
}
