/**
 * One hop: from an address, or a channel through the hop before, to an authenticated client. Every step has its time limit and
 * its error. The host key is settled before a credential leaves the worker.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import type { Clock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import type { NameLookups } from '../../../base/node-names.ts';
import type { SshHop } from '../../../protocol/link/ssh-access.ts';
import { AuthPlan } from './auth-plan.ts';
import { hostKeyAlgorithms, settleHostKey, type RecordHostKey } from './host-key.ts';
import { keyExchanges } from './key-exchange.ts';
import { holdToRules } from './peer-rules.ts';
import { handshakeFault, isVerdict, nameLate, quoted, socketFault, sshError } from './ssh-faults.ts';
import { allowCertificates } from './user-certificate.ts';

export interface DialOptions {
  readonly clock: Clock;
  readonly recordHostKey: RecordHostKey;
  /** Absent: each name by itself, as Node does it. */
  readonly names?: Pick<NameLookups, 'lookup'>;
  /** For its name and its answer together. */
  readonly tcpMs: number;
  readonly handshakeMs: number;
  readonly keepaliveMs: number;
  readonly keepalivesMissedMax: number;
  /** The host shows another key than it is known by: said before anything else is made of it. */
  onKeyChanged?(hostId: string): void;
  /** Tells of steps that are done, for the connection test. */
  onStep?(step: DialStep): void;
}

export type DialStep = 'dns' | 'tcp' | 'ssh' | 'host-key' | 'auth';

/** Enough to tell a web server from SSH. */
const HEARD_BYTES_MAX = 400;

export function openSocket(hop: SshHop, options: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({
      host: hop.address,
      port: hop.port,
      noDelay: true,
      ...given({ lookup: options.names?.lookup }),
    });
    let isFound = isIP(hop.address) !== 0;
    const cancel = options.clock.after(options.tcpMs, () => {
      socket.destroy();
      const within = `within ${options.tcpMs / 1_000} s`;
      if (!isFound) return reject(nameLate(hop, `the name ${hop.address} was not found ${within}`));
      reject(
        sshError(
          'ssh-timeout',
          hop,
          `no answer to the connection ${within}. Check address, routes and firewalls between the worker and the host.`,
        ),
      );
    });
    socket.once('lookup', (error) => {
      if (error) return;
      isFound = true;
      options.onStep?.('dns');
    });
    socket.once('connect', () => {
      cancel();
      socket.removeAllListeners('error');
      options.onStep?.('dns');
      options.onStep?.('tcp');
      resolve(joinWrites(socket));
    });
    socket.once('error', (error) => {
      cancel();
      reject(socketFault(hop, error));
    });
  });
}

/** ssh2 writes a packet in three pieces. Joined, the pieces of one turn cost one system call here and one awakening over there. */
function joinWrites(socket: Socket): Socket {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isHeld = false;
  socket.write = ((...args: unknown[]) => {
    if (!isHeld) {
      isHeld = true;
      socket.cork();
      process.nextTick(() => {
        isHeld = false;
        socket.uncork();
      });
    }
    return write(...args);
  }) as Socket['write'];
  return socket;
}

/**
 * Takes the socket over: it is closed when this rejects. `adopt` listens in the very turn of the login: its end may be
 * in the same packet.
 */
export function openClient<T>(
  hop: SshHop,
  plan: AuthPlan,
  socket: Duplex,
  options: DialOptions,
  adopt: (client: Client) => T,
): Promise<T> {
  return new Promise((resolve, reject) =>
    new Opening(hop, plan, socket, options, (client) => resolve(adopt(client)), reject).begin(),
  );
}

class Opening {
  readonly #hop: SshHop;
  readonly #plan: AuthPlan;
  readonly #socket: Duplex;
  readonly #options: DialOptions;
  readonly #resolve: (client: Client) => void;
  readonly #reject: (error: unknown) => void;
  readonly #client = new ssh2.Client();
  #heard = '';
  #stage: 'kex' | 'auth' | 'over' = 'kex';
  /** Decided here, while ssh2 is about to tell its own version of it. */
  #fault: DroverError | undefined;
  #cancelTimer = (): void => undefined;

  constructor(
    hop: SshHop,
    plan: AuthPlan,
    socket: Duplex,
    options: DialOptions,
    resolve: (client: Client) => void,
    reject: (error: unknown) => void,
  ) {
    this.#hop = hop;
    this.#plan = plan;
    this.#socket = socket;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    this.#cancelTimer = this.#options.clock.after(this.#options.handshakeMs, () => this.#fail(this.#timeout()));
    const hear = (bytes: Buffer): void => {
      this.#heard += bytes.toString('latin1', 0, HEARD_BYTES_MAX - this.#heard.length);
      if (this.#heard.length >= HEARD_BYTES_MAX || this.#stage !== 'kex') this.#socket.off('data', hear);
    };
    // Listening would make it flow before ssh2 listens too, and the first words would be lost.
    this.#socket.on('data', hear);
    this.#socket.pause();
    this.#client
      .on('handshake', () => {
        this.#stage = 'auth';
        this.#socket.off('data', hear);
        this.#options.onStep?.('ssh');
        this.#options.onStep?.('host-key');
      })
      .on('ready', () => this.#succeed())
      .on('banner', (text) => this.#plan.heardBanner(text))
      .on('change password', (text) => {
        this.#plan.expirePassword(text || 'password expired');
        this.#fail(this.#plan.failure());
      })
      .on('error', (error) => this.#onError(error))
      .on('close', () => this.#fail(this.#closed('the connection was closed')));
    try {
      this.#client.connect(this.#config());
      allowCertificates(this.#client);
      holdToRules(this.#client, this.#socket);
    } catch (error) {
      this.#fail(
        sshError(
          'ssh-no-common-algorithm',
          this.#hop,
          `the SSH algorithms of this host cannot be used: ${quoted((error as Error).message)}.`,
          error,
        ),
      );
    }
  }

  #config(): ConnectConfig {
    const { algorithms } = this.#hop;
    const offered = {
      ...given({ cipher: algorithms?.cipher, hmac: algorithms?.hmac }),
      kex: keyExchanges(algorithms?.kex),
      serverHostKey: hostKeyAlgorithms(this.#hop),
      // Every server has it (RFC 4253, 6.2). What is compressed may unpack to a thousand times as much.
      compress: ['none'],
    };
    return {
      sock: this.#socket,
      username: this.#hop.user,
      ident: 'Drover',
      readyTimeout: 0,
      keepaliveInterval: this.#options.keepaliveMs,
      keepaliveCountMax: this.#options.keepalivesMissedMax,
      algorithms: offered as ConnectConfig['algorithms'] & object,
      hostVerifier: (key: Buffer, verify: (ok: boolean) => void) => {
        // The host may hang up while the server is asked, and there is nobody left then to be told: ssh2 throws.
        this.#verify(key)
          .then((isBelieved) => void (this.#stage === 'kex' && verify(isBelieved)))
          .catch((error: unknown) => this.#fail(this.#closed('', error as Error)));
      },
      authHandler: (allowed, partial, next) => {
        const method = this.#plan.next(allowed, partial);
        next(method as Parameters<typeof next>[0]);
      },
    };
  }

  async #verify(key: Buffer): Promise<boolean> {
    return settleHostKey(this.#hop, key, this.#options.recordHostKey, (fault) => {
      this.#fault = fault;
      if (fault.code === 'ssh-host-key-changed') this.#options.onKeyChanged?.(this.#hop.hostId);
    });
  }

  #onError(error: Error & { level?: string; code?: unknown }): void {
    if (this.#stage === 'over') return;
    // ssh2 goes on with the next credential after these.
    if (error.level === 'agent' || /^Error (while )?signing/.test(error.message))
      return this.#plan.failHere(error.message);
    if (this.#fault) return this.#fail(this.#fault);
    if (error.level === 'client-authentication') return this.#fail(this.#plan.failure());
    this.#fail(this.#closed(error.message, error));
  }

  #closed(message: string, error: Error = new Error(message)): DroverError {
    if (this.#fault) return this.#fault;
    if (this.#stage === 'auth') return isVerdict(error) ? this.#plan.failure(message) : this.#plan.cut(message);
    return handshakeFault(this.#hop, error, this.#heard);
  }

  #timeout(): DroverError {
    if (this.#fault) return this.#fault;
    const seconds = this.#options.handshakeMs / 1_000;
    if (this.#stage === 'auth')
      return sshError(
        'ssh-timeout',
        this.#hop,
        `it did not finish the login within ${seconds} s. Its name service or PAM may hang; look at sshd's log.`,
      );
    if (this.#heard === '')
      return sshError(
        'ssh-silent',
        this.#hop,
        `it takes the connection on port ${this.#hop.port} and says nothing for ${seconds} s. Something else may ` +
          'listen there, sshd may be stuck, or a firewall drops what it says.',
      );
    return sshError(
      'ssh-timeout',
      this.#hop,
      `it answered, and did not finish the key exchange within ${seconds} s. It is overloaded, or the network drops large packets (MTU).`,
    );
  }

  #succeed(): void {
    if (this.#stage === 'over') return;
    this.#end();
    this.#options.onStep?.('auth');
    this.#client.removeAllListeners();
    this.#resolve(this.#client);
  }

  #fail(error: DroverError): void {
    if (this.#stage === 'over') return;
    this.#end();
    this.#client.destroy();
    this.#socket.destroy();
    this.#reject(error);
  }

  #end(): void {
    this.#stage = 'over';
    this.#cancelTimer();
    this.#plan.forget();
  }
}

export function defaultDialOptions(): Omit<DialOptions, 'clock' | 'recordHostKey'> {
  return {
    tcpMs: limits.sshTcpMs,
    handshakeMs: limits.sshHandshakeMs,
    keepaliveMs: limits.sshKeepaliveMs,
    keepalivesMissedMax: limits.sshKeepalivesMissedMax,
  };
}
