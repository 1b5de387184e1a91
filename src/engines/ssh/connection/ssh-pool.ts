/**
 * The worker's connections: one per host × account, jump hosts shared among all that go through them. Opened when first needed, kept
 * warm, closed when idle for long or when there are too many. Asks for credentials when it dials, and keeps none.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { fullJitterMs } from '../../../base/backoff.ts';
import { pause, type Clock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { NameLookups } from '../../../base/node-names.ts';
import type { Random } from '../../../base/random.ts';
import type { SshAccess, SshBecome, SshHop } from '../../../protocol/link/ssh-access.ts';
import { AuthPlan } from './auth-plan.ts';
import { Gate, Gates } from './gate.ts';
import type { RecordHostKey } from './host-key.ts';
import { UsableKeys } from './private-key.ts';
import type { RemoteChannel, RemoteShell } from '../remote/remote-shell.ts';
import { SshConnection } from './ssh-connection.ts';
import { defaultDialOptions, openClient, openSocket, type DialOptions, type DialStep } from './ssh-dial.ts';
import { hopName, sshError } from './ssh-faults.ts';

/** A reference: what it stands for is asked of the server when a connection is opened. */
export interface SshTarget {
  readonly hostId: string;
  readonly accountId?: string;
}

/** Of the names of connections that nobody is given any more; no host's id begins so. */
const RETIRED = 'retired ';

/** Nothing is run on a jump host. */
const NO_SHELL: RemoteShell = {
  exec: async () =>
    Promise.reject(new DroverError('ssh-no-shell', { detail: 'A jump host only passes connections on.' })),
};

export interface SshPoolOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  access(target: SshTarget): Promise<SshAccess>;
  readonly recordHostKey: RecordHostKey;
  /** Of hosts that are dialled from here; what is behind a jump host is looked up there. */
  readonly names?: Pick<NameLookups, 'lookup'>;
  /** A host on the way shows another key than it is known by; the pool itself has taken its connections out of use by then. */
  onKeyChanged?(hostId: string): void;
  /** Steps of dials that are done, by the host of the hop. */
  onStep?(hostId: string, step: DialStep): void;
  readonly connectionsMax?: number;
  readonly idleMs?: number;
  readonly dialsMax?: number;
  readonly dial?: Partial<Pick<DialOptions, 'tcpMs' | 'handshakeMs' | 'keepaliveMs' | 'keepalivesMissedMax'>>;
}

/** What is known of a target while there is a connection to it; no credential of the login is in it. */
export interface ReachedHost {
  readonly become: SshBecome;
  readonly hop: SshHop;
}

/** `shell` is one object for the life of the connection: whoever learns something about the far side remembers it by the shell. */
interface Entry {
  readonly connection: SshConnection;
  readonly host: ReachedHost;
  readonly shell: RemoteShell;
  /** Hosts that it goes by, the last one too. */
  readonly way: readonly string[];
  readonly digest: string;
  generation: number;
  idleSince: number;
}

export class SshPool {
  readonly #options: SshPoolOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #dialing = new Map<string, Promise<Entry>>();
  /** Keys of idle connections, the longest idle first. */
  readonly #idle = new Set<string>();
  readonly #dials: Gate;
  readonly #dialsPerHost = new Gates(limits.sshDialsPerHostMax);
  readonly #dialsPerJump = new Gates(limits.sshDialsPerJumpHostMax);
  readonly #room: (() => void)[] = [];
  readonly #keys = new UsableKeys();
  #opening = 0;
  #retired = 0;
  /** Counts what the servers have told of changes; entries of an older one are held against what is true now before they are used. */
  #generation = 0;
  #cancelSweep: (() => void) | undefined;
  readonly #abort = new AbortController();

  constructor(options: SshPoolOptions) {
    this.#options = options;
    this.#dials = new Gate(options.dialsMax ?? limits.sshDialsMax);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A shell on the target, over a connection that is opened when there is none. */
  async shell(target: SshTarget): Promise<{ readonly shell: RemoteShell; readonly host: ReachedHost }> {
    await this.#revalidate(target);
    return this.#reach(target);
  }

  /** Hosts or accounts have changed, nobody says which: connections are checked as they are used next. */
  accessChanged(): void {
    this.#generation++;
  }

  /** Rejects with the server's reason when the target may not be reached (so) any more. */
  async #revalidate(target: SshTarget): Promise<void> {
    const entry = this.#entries.get(keyOf(target));
    const generation = this.#generation;
    if (!entry || entry.generation === generation) return;
    try {
      if (digestOf(await this.#options.access(target)) === entry.digest) entry.generation = generation;
      else this.retire(target);
    } catch (error) {
      this.retire(target);
      throw error;
    }
  }

  /**
   * A host has shown another key than it is known by, to whomever: nothing new goes over the connections that there are to it or by it. Who
   * comes next dials, and is told what the host is now.
   */
  keyChanged(hostId: string): void {
    for (const [key, { way }] of [...this.#entries]) if (way.includes(hostId)) this.#retire(key);
  }

  /** What is known of the target is out of date: the next use dials anew. What runs on the present connection goes on. */
  retire(target: SshTarget): void {
    this.#retire(keyOf(target));
  }

  #retire(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    if (entry.connection.isIdle) return entry.connection.close();
    if (key.startsWith(RETIRED)) return;
    // Under a name that nobody asks for it is closed when it is idle for long, like any other.
    this.#entries.delete(key);
    const retired = `${RETIRED}${key} ${this.#retired++}`;
    this.#entries.set(retired, entry);
    this.#keyOf.set(entry.connection, retired);
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelSweep?.();
    for (const { connection } of this.#entries.values()) connection.close();
    for (const wake of this.#room.splice(0)) wake();
  }

  /** A connection that proves to be of no use at this very moment is replaced. */
  async #exec(target: SshTarget, command: string): Promise<RemoteChannel> {
    for (let tries = 1; ; tries++) {
      const { connection } = await this.#reach(target);
      try {
        return await connection.exec(command);
      } catch (error) {
        const isGone = (error as DroverError).code === 'ssh-lost' && !connection.isOpen;
        if (!isGone || tries >= limits.sshCutLoginTriesMax || this.#abort.signal.aborted) throw error;
      }
    }
  }

  #reach(target: SshTarget): Promise<Entry> {
    return this.#once(keyOf(target), async (key) => {
      const shell: RemoteShell = { exec: (command) => this.#exec(target, command) };
      const generation = this.#generation;
      const access = await this.#options.access(target);
      checkPath(access);
      const hop = access.hops.at(-1)!;
      return this.#open(
        key,
        access.hops,
        shell,
        {
          become: access.become,
          hop: { ...hop, credentials: [] },
        },
        { digest: digestOf(access), generation },
      );
    });
  }

  /** The connection of `key`, or the one that is on its way, or a new one. */
  async #once(key: string, open: (key: string) => Promise<Entry>): Promise<Entry> {
    const entry = this.#entries.get(key);
    if (entry?.connection.isOpen) return entry;
    let dialing = this.#dialing.get(key);
    if (!dialing) {
      dialing = open(key).finally(() => this.#dialing.delete(key));
      this.#dialing.set(key, dialing);
    }
    return dialing;
  }

  async #open(
    key: string,
    hops: readonly SshHop[],
    shell: RemoteShell,
    host: ReachedHost,
    seen: { readonly digest: string; readonly generation: number },
  ): Promise<Entry> {
    const hop = hops.at(-1)!;
    // A key that cannot be used is told before anybody is dialled.
    new AuthPlan(hop, this.#keys).forget();
    const before = hops.slice(0, -1);
    // Opened first, so that the room it takes is not waited for while room is held.
    if (before.length > 0) await this.#reachJump(before);
    await this.#makeRoom();
    try {
      const way = hops.map(({ hostId }) => hostId);
      return this.#keep(key, hop, await this.#dialPatiently(hop, before), { shell, host, way, ...seen });
    } finally {
      this.#opening--;
      this.#room.shift()?.();
    }
  }

  async #reachJump(hops: readonly SshHop[]): Promise<SshConnection> {
    const last = hops.at(-1)!;
    try {
      // Whoever comes with other credentials gets a connection of his own: a warm one must not open doors.
      const key = `jump ${digestOfWay(hops)}`;
      return (
        await this.#once(key, (own) =>
          this.#open(
            own,
            hops,
            NO_SHELL,
            {
              become: { kind: 'direct' },
              hop: { ...last, credentials: [] },
            },
            { digest: '', generation: this.#generation },
          ),
        )
      ).connection;
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      throw new DroverError(error.code, { detail: `Jump host ${error.detail}`, context: error.context, cause: error });
    }
  }

  /** A server that is over its MaxStartups, or a line that is cut during the login, is tried again, later and later, spread by chance. */
  async #dialPatiently(hop: SshHop, before: readonly SshHop[]): Promise<SshConnection> {
    for (let tries = 0; ; tries++) {
      const jump = before.length === 0 ? undefined : await this.#reachJump(before);
      try {
        return await this.#dial(hop, jump);
      } catch (error) {
        const { code, context } = error as DroverError;
        const wasCut = code === 'ssh-lost' && context?.mayBeCounted !== true;
        const passes = code === 'ssh-busy' || wasCut || (jump && !jump.isOpen);
        if (!passes || tries >= (wasCut ? limits.sshCutLoginTriesMax : limits.sshBusyTriesMax)) throw error;
        const waited = await pause(
          this.#options.clock,
          50 + fullJitterMs(tries, limits.sshBusyBaseMs, limits.sshBusyCapMs, this.#options.random),
          this.#abort.signal,
        );
        if (!waited) throw error;
      }
    }
  }

  async #dial(hop: SshHop, jump: SshConnection | undefined): Promise<SshConnection> {
    const leaves = [await this.#dialsPerHost.enter(`${hop.address} ${hop.port}`)];
    try {
      if (jump) leaves.push(await this.#dialsPerJump.enter(hopName(jump.hop)));
      leaves.push(await this.#dials.enter());
      if (this.#abort.signal.aborted) throw sshError('ssh-lost', hop, 'the worker is stopping.');
      const onStep = (step: DialStep): void => this.#options.onStep?.(hop.hostId, step);
      const options: DialOptions = {
        ...defaultDialOptions(),
        ...this.#options.dial,
        ...given({ names: this.#options.names }),
        clock: this.#options.clock,
        recordHostKey: this.#options.recordHostKey,
        onKeyChanged: (hostId) => {
          this.keyChanged(hostId);
          this.#options.onKeyChanged?.(hostId);
        },
        onStep,
      };
      const plan = new AuthPlan(hop, this.#keys);
      const socket: Duplex = jump ? await jump.forward(hop) : await openSocket(hop, options);
      // The jump host has looked up the name and made the connection.
      if (jump) for (const step of ['dns', 'tcp'] as const) onStep(step);
      return await openClient(hop, plan, socket, options, (client) => this.#connectionOf(hop, client, socket));
    } finally {
      for (const leave of leaves) leave();
    }
  }

  #connectionOf(hop: SshHop, client: Client, line: Duplex): SshConnection {
    const { clock, random } = this.#options;
    const connection: SshConnection = new SshConnection(hop, client, line, {
      clock,
      random,
      onIdle: () => this.#rest(connection),
      onBusy: () => this.#idle.delete(this.#keyOf.get(connection) ?? ''),
      onClosed: () => this.#drop(connection),
    });
    return connection;
  }

  readonly #keyOf = new Map<SshConnection, string>();

  #keep(key: string, hop: SshHop, connection: SshConnection, of: Omit<Entry, 'connection' | 'idleSince'>): Entry {
    if (!connection.isOpen) throw sshError('ssh-lost', hop, 'the connection was lost right after the login.');
    if (this.#abort.signal.aborted) {
      connection.close();
      throw sshError('ssh-lost', hop, 'the worker is stopping.');
    }
    const entry: Entry = { connection, ...of, idleSince: this.#options.clock.monotonicMs() };
    this.#entries.set(key, entry);
    this.#keyOf.set(connection, key);
    this.#idle.add(key);
    this.#scheduleSweep();
    return entry;
  }

  #rest(connection: SshConnection): void {
    const key = this.#keyOf.get(connection);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry?.connection !== connection) return;
    entry.idleSince = this.#options.clock.monotonicMs();
    this.#idle.add(key);
    // Somebody waits for room: an idle connection is it.
    if (this.#room.length > 0) connection.close();
  }

  #drop(connection: SshConnection): void {
    const key = this.#keyOf.get(connection);
    this.#keyOf.delete(connection);
    if (key === undefined || this.#entries.get(key)?.connection !== connection) return;
    this.#entries.delete(key);
    this.#idle.delete(key);
    this.#room.shift()?.();
  }

  /** Counts itself in: `#opening` goes down again when the dial is over. */
  async #makeRoom(): Promise<void> {
    const most = this.#options.connectionsMax ?? limits.sshConnectionsMax;
    while (this.#entries.size + this.#opening >= most && !this.#abort.signal.aborted) {
      const oldest = this.#idle.values().next().value;
      if (oldest === undefined) await new Promise<void>((resolve) => this.#room.push(resolve));
      else this.#entries.get(oldest)!.connection.close();
    }
    this.#opening++;
  }

  #scheduleSweep(): void {
    if (this.#cancelSweep || this.#abort.signal.aborted) return;
    const idleMs = this.#options.idleMs ?? limits.sshIdleMs;
    this.#cancelSweep = this.#options.clock.after(
      Math.max(10, idleMs / 4),
      () => {
        this.#cancelSweep = undefined;
        const before = this.#options.clock.monotonicMs() - idleMs;
        for (const key of [...this.#idle]) {
          const entry = this.#entries.get(key);
          if (entry && entry.idleSince > before) break;
          entry?.connection.close();
        }
        if (this.#entries.size > 0) this.#scheduleSweep();
      },
      { unref: true },
    );
  }
}

function keyOf(target: SshTarget): string {
  return `${target.hostId} ${target.accountId ?? ''}`;
}

/**
 * A path that comes by the same host twice never arrives. By the same address it may: behind a jump host it means another machine than
 * before it, in networks that use the same private addresses, and of a port of 127.0.0.1.
 */
function checkPath({ hops }: SshAccess): void {
  const last = hops.at(-1);
  if (!last) throw new DroverError('ssh-path-invalid', { detail: 'The way to the host is empty: it has no address.' });
  if (hops.length > limits.sshHopsMax)
    throw sshError(
      'ssh-path-invalid',
      last,
      `the way to it has ${hops.length} hops; at most ${limits.sshHopsMax} are followed.`,
    );
  if (new Set(hops.map(({ hostId }) => hostId)).size < hops.length)
    throw sshError(
      'ssh-path-invalid',
      last,
      `its jump hosts go in a circle: ${hops.map(hopName).join(' → ')}. Correct the jump host of one of them.`,
    );
}

function digestOfWay(way: unknown): string {
  return createHash('sha256')
    .update(
      JSON.stringify(way, (_name, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
      ),
    )
    .digest('base64');
}

/** Of everything that a connection stands on but the keys of hosts, which count when one is opened. */
function digestOf({ hops, become, accountId }: SshAccess): string {
  return digestOfWay([accountId, become, hops.map((hop) => ({ ...hop, knownHostKeys: [] }))]);
}
