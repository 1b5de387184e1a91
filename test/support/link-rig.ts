/**
 * Real links on loopback: a certificate authority, identities of any role and age, HTTPS servers that take links on port 0, and
 * dialers. Everything made by a rig ends with it.
 */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/errors.ts';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import { systemRandom, type Random } from '../../src/base/random.ts';
import type { Service } from '../../src/base/service.ts';
import type { FrameShapes } from '../../src/protocol/link/shape.ts';
import type { LinkDialer, OnLink, PeerRole } from '../../src/link/link.ts';
import { createLinkClient } from '../../src/link/ws-client.ts';
import { createLinkServer, type LinkServer } from '../../src/link/ws-server.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';

export interface Frame {
  t: string;
}
export interface RigIdentity {
  readonly id: string;
  readonly privateKey: string;
  readonly certificate: string;
  readonly ca: string;
}

export interface Listening<In extends Frame, Out extends Frame> {
  readonly url: string;
  readonly port: number;
  readonly links: LinkServer<In, Out>;
  readonly https: Server;
  /** Every TLS connection so far, oldest first. */
  readonly connections: readonly TLSSocket[];
}

export interface DialOptions {
  readonly urls: readonly string[];
  readonly peerRole: PeerRole;
  readonly shapes: FrameShapes;
  readonly identity: RigIdentity;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  readonly heartbeatMs?: number;
  readonly silentMs?: number;
  readonly onRefused?: (code: string, detail: string) => void;
}

export class LinkRig {
  readonly ca: CertificateAuthority;
  readonly #ends: (() => Promise<void> | void)[] = [];

  private constructor(ca: CertificateAuthority) {
    this.ca = ca;
  }

  static async create(): Promise<LinkRig> {
    return new LinkRig(await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs())));
  }

  /** A certificate of our authority; `endsInMs` may be in the past. */
  async identity(
    role: PeerRole,
    id: string = newId(),
    { endsInMs = 3_600_000, hostId }: { endsInMs?: number; hostId?: string } = {},
  ): Promise<RigIdentity> {
    const privateKey = newKey();
    const lifetimeMs = 3_600_000;
    const signed = await this.ca.sign(
      {
        csr: certificateRequest(privateKey),
        id,
        role,
        lifetimeMs,
        names: ['127.0.0.1'],
        ...given({ hostId }),
      },
      systemClock.nowMs() + endsInMs - lifetimeMs,
    );
    return { id, privateKey, certificate: signed!.certificate, ca: this.ca.certificate };
  }

  async listen<In extends Frame, Out extends Frame>(options: {
    as: RigIdentity;
    role: PeerRole;
    shapes: FrameShapes;
    port?: number;
    clock?: Clock;
    refuse?: (id: string) => ErrorCode | undefined;
    linksMax?: number;
    heartbeatMs?: number;
    silentMs?: number;
    /** Without it they are to be started by whoever asks. */
    onLink?: OnLink<In, Out>;
  }): Promise<Listening<In, Out>> {
    const { as, port, onLink, ...rest } = options;
    const links = createLinkServer<In, Out>({ authority: this.ca.certificate, clock: systemClock, ...rest });
    if (onLink) await links.start(onLink);
    const https = createServer({
      key: as.privateKey,
      cert: `${as.certificate}\n${as.ca}`,
      minVersion: 'TLSv1.3',
    });
    const connections: TLSSocket[] = [];
    https.on('secureConnection', (socket) => connections.push(socket));
    https.on('upgrade', (request, socket, head) => links.handleUpgrade(request, socket, head));
    await new Promise<void>((resolve) => https.listen(port ?? 0, '127.0.0.1', resolve));
    const bound = (https.address() as AddressInfo).port;
    this.onEnd(async () => {
      await links.stop();
      for (const connection of connections) connection.destroy();
      await new Promise((resolve) => https.close(resolve));
    });
    return { url: `wss://127.0.0.1:${bound}/link`, port: bound, links, https, connections };
  }

  /** Not started yet. */
  dialer<In extends Frame, Out extends Frame>({ urls, ...options }: DialOptions): LinkDialer<In, Out> {
    const { identity, ...rest } = options;
    const dialer = createLinkClient<In, Out>({
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      ...rest,
      urls: () => urls,
      identity: () => identity,
    });
    this.onEnd(() => dialer.stop());
    return dialer;
  }

  async started<S extends Service>(service: S): Promise<S> {
    this.onEnd(() => service.stop());
    await service.start();
    return service;
  }

  onEnd(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  /** Last made, first ended. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
