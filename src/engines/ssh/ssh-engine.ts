/**
 * The engine of hosts without an agent: one for a whole worker, with a host named at every start. It keeps pooled
 * connections; each attempt is carried by an `SshAttempt` until its end is known.
 *
 * Credentials are asked for when a connection is opened and are in memory only; its traces say where attempts are, and
 * hold neither work nor secret. So after a restart an attempt is looked for on its host, and goes on; what had not
 * reached the host is never begun.
 */
import { given } from '../../base/given.ts';
import { Packr } from 'msgpackr';
import type { Clock } from '../../base/clock.ts';
import { DroverError } from '../../base/errors.ts';
import type { AttemptId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { NameLookups, namesAtOnce, NAMES_OF_LINKS } from '../../base/node-names.ts';
import type { Random } from '../../base/random.ts';
import type { ScriptWork } from '../../domain/work/script.ts';
import type {
  AcceptTrace,
  AttemptSink,
  AttemptSubject,
  Engine,
  ScriptOrder,
  Held,
  Trace,
} from '../../ledger/engine.ts';
import type { IncomingOutput } from '../../ledger/incoming-output.ts';
import type { StreamedOutputs } from '../../ledger/streamed-outputs.ts';
import type { AgentReport, ExecutionSpec } from '../../protocol/link/agent-v1.ts';
import type { SshAccess } from '../../protocol/link/ssh-access.ts';
import { RemoteRemains } from './attempt/remote-remains.ts';
import { SshAttempt, type OrderOfHost, type SshNote } from './attempt/ssh-attempt.ts';
import { testConnection, type ConnectionTestResult } from './connection/connection-test.ts';
import type { RecordHostKey } from './connection/host-key.ts';
import { SshPool, type SshPoolOptions, type SshTarget } from './connection/ssh-pool.ts';
import { RemoteSessions } from './remote/remote-sessions.ts';
import { assert } from '../../base/assert.ts';

export interface SshEngineOptions {
  /** Where the output that comes in is put. */
  readonly outputs: StreamedOutputs;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Asked when a connection is opened. A DroverError that it rejects with becomes the reason of the refusal. */
  access(target: SshTarget): Promise<SshAccess>;
  readonly recordHostKey: RecordHostKey;
  /** The secrets of an attempt that an earlier process of ours accepted, to mask its output. Tried again until it answers. */
  secretsOf(attempt: AttemptId): Promise<readonly string[]>;
  /** How long an order may be on its way; shorter for tests. */
  readonly orderValidMs?: number;
  readonly connections?: Pick<SshPoolOptions, 'connectionsMax' | 'idleMs' | 'dialsMax' | 'dial'>;
}

/** What is carried, and by which order: none where it is only looked for. */
interface Carried {
  readonly note: SshNote;
  readonly acceptedAtMs: number;
  readonly order: OrderOfHost | undefined;
  readonly hasStarted: boolean;
}

const packr = new Packr({ useRecords: false });

export class SshEngine implements Engine<ScriptWork> {
  readonly name = 'ssh';
  readonly kinds = ['script'] as const;
  /** Attempts outlive this machine. */
  readonly bootId = '';
  readonly #options: SshEngineOptions;
  readonly #names: NameLookups;
  readonly #pool: SshPool;
  readonly #sessions = new RemoteSessions();
  readonly #carried = new Set<SshAttempt>();
  readonly #work = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: SshEngineOptions) {
    this.#options = options;
    const { clock, random, log, access, recordHostKey, connections } = options;
    const atOnceMax = Math.max(1, namesAtOnce() - NAMES_OF_LINKS);
    this.#names = new NameLookups({ clock, atOnceMax });
    this.#pool = new SshPool({ clock, random, log, access, recordHostKey, names: this.#names, ...connections });
  }

  async start(): Promise<void> {}

  /** Scripts go on on their hosts; the next start finds them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const carried of this.#carried) carried.abandon();
    this.#pool.stop();
    await Promise.allSettled(this.#work);
  }

  /** Hosts or accounts have changed: connections are checked as they are used next. */
  accessChanged(): void {
    this.#pool.accessChanged();
  }

  /** Step by step, over a connection of its own. Rejects with the server's reason when there is no way to be tried. */
  async test(target: SshTarget): Promise<ConnectionTestResult[]> {
    const { access, clock, random, log, recordHostKey } = this.#options;
    const onKeyChanged = (hostId: string): void => this.#pool.keyChanged(hostId);
    return testConnection(await access(target), {
      clock,
      random,
      log,
      recordHostKey,
      onKeyChanged,
      names: this.#names,
    });
  }

  get connections(): number {
    return this.#pool.size;
  }

  traceOf(_attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): AcceptTrace {
    return { bytes: packr.pack(noteOf(spec, subject)), isSecret: false };
  }

  begin(attempt: AttemptId, order: ScriptOrder, subject: AttemptSubject, sink: AttemptSink): Held {
    const note = noteOf(order, subject);
    const acceptedAtMs = this.#options.clock.nowMs();
    return this.#carry(
      attempt,
      { note, acceptedAtMs, order: { spec: order, hostName: subject.hostName! }, hasStarted: false },
      sink,
    );
  }

  async resume(attempt: AttemptId, trace: Trace, sink: AttemptSink): Promise<Held> {
    const { acceptedAtMs, start } = trace;
    const hasStarted = start !== undefined;
    return this.#carry(attempt, { note: noteIn(trace), acceptedAtMs, order: undefined, hasStarted }, sink);
  }

  reopen(attempt: AttemptId, trace: Trace, { outcome }: AgentReport): RemoteRemains {
    return this.#remains(attempt, noteIn(trace), outcome.kind !== 'refused');
  }

  #carry(attempt: AttemptId, { note, acceptedAtMs, order, hasStarted }: Carried, sink: AttemptSink): Held {
    const { clock, random, log, orderValidMs = limits.sshOrderValidMs } = this.#options;
    const carried = new SshAttempt(
      {
        attempt,
        note,
        acceptedAtMs,
        order,
        pool: this.#pool,
        sessions: this.#sessions,
        clock,
        random,
        log,
        stopping: this.#stopping.signal,
        orderValidMs,
        output: () => this.#outputOf(attempt, note, sink),
        isWatched: () => sink.isWatched(),
        onStarted: (pid, atMs) => sink.started({ pid, atMs }, {}),
        onEnded: (end, run) => {
          this.#carried.delete(carried);
          const remains = this.#remains(attempt, note, run !== undefined);
          remains.run = run;
          sink.ended(end, remains);
        },
      },
      hasStarted,
    );
    this.#carried.add(carried);
    this.#track(carried.carry());
    return { stop: () => carried.cancel() };
  }

  /** After a restart what is to be masked is asked for before anything is read. */
  async #outputOf(attempt: AttemptId, note: SshNote, sink: AttemptSink): Promise<IncomingOutput> {
    const { outputs, secretsOf } = this.#options;
    const known = outputs.incoming(attempt);
    if (known) return known;
    sink.openOutput({ keptBytes: note.keptBytes, secrets: note.hasSecrets ? await secretsOf(attempt) : [] });
    const opened = outputs.incoming(attempt);
    if (!opened) throw new DroverError('ssh-lost', { detail: 'Its end is known by now.' });
    return opened;
  }

  #remains(attempt: AttemptId, note: SshNote, isOnHost: boolean): RemoteRemains {
    const { clock, random, log } = this.#options;
    return new RemoteRemains({
      attempt,
      note,
      isOnHost,
      pool: this.#pool,
      sessions: this.#sessions,
      clock,
      random,
      log,
      stopping: this.#stopping.signal,
      track: (work) => this.#track(work),
    });
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'an attempt over SSH met a fault of ours'))
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

/** Throws where it is of no host: that is no order for this engine. */
function noteOf(order: Omit<ExecutionSpec, 'work'>, { hostId, hostName, accountId }: AttemptSubject): SshNote {
  assert(hostId !== undefined && hostName !== undefined, 'over SSH goes what has a host');
  return {
    target: { hostId, ...given({ accountId }) },
    ...given({ user: order.user }),
    keptBytes: order.outputKeptBytes,
    timeoutMs: order.timeoutMs,
    killAfterMs: order.killAfterMs,
    hasSecrets: Object.keys(order.secrets).length > 0,
  };
}

function noteIn({ accepted }: Trace): SshNote {
  return packr.unpack(Buffer.from(accepted)) as SshNote;
}
