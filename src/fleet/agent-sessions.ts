/**
 * Whose agents are where, as their own agents have proved it. A worker shows the proof that an agent gave it; the MAC is checked here, the
 * store says which start of the agent counts, and from then on what the agent seals is opened here, and nothing else is heard of it.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { isUuid, type AgentId, type HostId, type WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import { decodeFrame } from '../link/codec.ts';
import { AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import { isSignedByKey, signUnderKey } from '../pki/dispatch.ts';
import type { MasterKey } from '../pki/sealer.ts';
import type { AgentFrame } from '../protocol/link/agent-v1.ts';
import { decodeLinkProof, type LinkProof } from '../protocol/link/link-proof.ts';
import { linkMessage, saidMessage, timeMessage, type Marked, type Sealed } from '../protocol/link/session.ts';
import type { ServerRefused, ServerTime } from '../protocol/link/worker-v1.ts';
import type { AgentShown } from '../store/contract/agent.ts';
import type { Store } from '../store/contract/store.ts';

export interface AgentSession {
  readonly agentId: AgentId;
  readonly hostId: HostId;
  readonly workerId: WorkerId;
  readonly instance: string;
  readonly start: number;
  readonly link: number;
}

export interface AgentSessionsOptions {
  readonly serverId: string;
  readonly store: Pick<Store, 'agentInstancesShow'>;
  readonly masterKey: MasterKey;
  readonly clock: Clock;
  readonly log: Log;
  readonly admitted: (session: AgentSession, proof: LinkProof) => void;
  /** `isNobody`: no start of the agent counts now. */
  readonly refused: (workerId: WorkerId, refusal: ServerRefused, isNobody: boolean) => void;
}

interface Admitted {
  readonly session: AgentSession;
  readonly key: Uint8Array;
}
interface Shown {
  /** Of those that wait with one key the last counts. */
  readonly key: string;
  readonly workerId: WorkerId;
  readonly proof: LinkProof;
  readonly atMs: number;
  readonly done: () => void;
  isOver: boolean;
}

const BATCH_MAX = 2_000;
/** So long one that was shown waits for company. */
const SHOW_WAITS_MS = 2;
const STORE_AWAY_MS = 500;

export class AgentSessions {
  readonly #options: AgentSessionsOptions;
  readonly #admitted = new Map<AgentId, Admitted>();
  /**
   * Not yet asked of the store: of each worker the last proof of each agent, whatever it repeats; beside it the one of a later start that
   * it came after. What a worker held back and tells late takes the place of nothing that is newer.
   */
  readonly #waiting = new Map<string, Shown>();
  readonly #asked = new Set<Shown>();
  #isScheduled = false;
  #isStopped = false;

  constructor(options: AgentSessionsOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
    for (const shown of [...this.#waiting.values(), ...this.#asked]) shown.done();
  }

  /** Kept of agents that have proved themselves alone: ids are whatever a worker makes up. */
  key(agentId: string): Uint8Array {
    return this.#admitted.get(agentId as AgentId)?.key ?? this.#options.masterKey.dispatchKey(agentId);
  }

  of(agentId: string): AgentSession | undefined {
    return this.#admitted.get(agentId as AgentId)?.session;
  }

  /** Resolves when it is decided, or was taken back; undefined for what no agent of ours has proved to this worker. */
  show(
    workerId: WorkerId,
    { agentId, hostId, proof }: { agentId: string; hostId: string; proof: Sealed },
  ): Promise<void> | undefined {
    const read = this.#read(workerId, agentId, hostId, proof);
    if (!read) {
      this.#options.log.warn({ workerId, hostId, agentId }, 'a link that no agent of ours has proved was passed over');
      return undefined;
    }
    return new Promise((resolve) => {
      const last = keyOf(workerId, read.agentId);
      const before = this.#waiting.get(last);
      const shown: Shown = {
        key: before && isBefore(read, before.proof) ? `${last} late` : last,
        workerId,
        proof: read,
        atMs: this.#options.clock.nowMs(),
        isOver: false,
        done: resolve,
      };
      this.#waiting.get(shown.key)?.done();
      this.#waiting.set(shown.key, shown);
      this.#schedule(SHOW_WAITS_MS);
    });
  }

  #read(workerId: WorkerId, agentId: string, hostId: string, sealed: Sealed): LinkProof | undefined {
    if (!isUuid(agentId) || !isUuid(hostId) || !(sealed?.body instanceof Uint8Array)) return undefined;
    if (!isSignedByKey(this.key(agentId), linkMessage(agentId, sealed.body), sealed.mac)) return undefined;
    const proof = decodeLinkProof(sealed.body);
    const isMeant = proof?.agentId === agentId && proof.hostId === hostId && proof.workerId === workerId;
    return isMeant ? proof : undefined;
  }

  /** The link is over, or the worker's: what was shown of it and is not decided yet counts no more. */
  takeBack(workerId: WorkerId, agentId?: string): void {
    const isMeant = (shown: Shown): boolean =>
      shown.workerId === workerId && (agentId === undefined || shown.proof.agentId === agentId);
    for (const [key, shown] of this.#waiting) {
      if (!isMeant(shown)) continue;
      this.#waiting.delete(key);
      shown.done();
    }
    for (const shown of this.#asked) {
      if (!isMeant(shown)) continue;
      shown.isOver = true;
      shown.done();
    }
  }

  forget(agentId: AgentId): void {
    this.#admitted.delete(agentId);
  }

  /** Undefined for what the start of the agent that counts has not said, or not through this worker. */
  open(
    workerId: WorkerId,
    agentId: string,
    { body, mac }: Sealed,
  ): { session: AgentSession; frame: AgentFrame } | undefined {
    const admitted = this.#admitted.get(agentId as AgentId);
    if (admitted?.session.workerId !== workerId || !(body instanceof Uint8Array)) return undefined;
    const { session, key } = admitted;
    if (!isSignedByKey(key, saidMessage(agentId, session.instance, body), mac)) return undefined;
    try {
      const frame = decodeFrame(body, AGENT_FRAMES) as AgentFrame | undefined;
      return frame && { session, frame };
    } catch (error) {
      // Its worker has passed on what it may read otherwise than we do: the agent's link is at fault, not the worker's.
      this.#options.log.warn({ workerId, agentId, err: error }, 'what an agent has sealed is no frame');
      const { hostId, instance } = session;
      const detail = (error as Error).message;
      this.#options.refused(
        workerId,
        { t: 'refused', hostId, agentId, instance, code: 'frame-invalid', detail },
        false,
      );
      return undefined;
    }
  }

  sign(agentId: string, message: (session: AgentSession) => Marked): Buffer | undefined {
    const admitted = this.#admitted.get(agentId as AgentId);
    return admitted && signUnderKey(admitted.key, message(admitted.session));
  }

  /** What our clock says, in answer to a nonce of the agent's. */
  time({ agentId, hostId, instance }: AgentSession, nonce: Uint8Array): ServerTime {
    const told = { server: this.#options.serverId, nonce, serverMs: this.#options.clock.nowMs() };
    return {
      t: 'time',
      hostId,
      agentId,
      ...told,
      mac: signUnderKey(this.key(agentId), timeMessage(agentId, instance, told)),
    };
  }

  #schedule(afterMs: number): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#options.clock.after(
      afterMs,
      () =>
        void this.#flush().then((isWritten) => {
          this.#isScheduled = false;
          if (this.#waiting.size > 0) this.#schedule(isWritten ? 0 : STORE_AWAY_MS);
        }),
      { unref: true },
    );
  }

  async #flush(): Promise<boolean> {
    const batch: Shown[] = [];
    for (const [key, shown] of this.#waiting) {
      if (batch.length === BATCH_MAX) break;
      this.#waiting.delete(key);
      this.#asked.add(shown);
      batch.push(shown);
    }
    if (batch.length === 0) return true;
    const verdicts = new Map<Shown, Verdict>();
    try {
      const refused = await writeApart(batch, async (some) => {
        const answers = await this.#options.store.agentInstancesShow(some.map(shownOf));
        some.forEach((shown, n) => verdicts.set(shown, answers[n]!));
      });
      for (const { item, error } of refused) this.#notStored(item, error);
      for (const shown of batch) {
        const verdict = verdicts.get(shown);
        if (verdict && !shown.isOver) this.#decided(shown, verdict);
        shown.done();
      }
      return true;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'links of agents could not be looked up; they will be again');
      for (const shown of batch)
        if (this.#waiting.has(shown.key)) shown.done();
        else if (!shown.isOver) this.#waiting.set(shown.key, shown);
      return false;
    } finally {
      this.#asked.clear();
    }
  }

  /** What one agent says of itself that no column holds keeps none of the others out, and is not asked again. */
  #notStored({ workerId, proof }: Shown, error: unknown): void {
    const { agentId, hostId, instance } = proof;
    this.#options.log.error({ workerId, agentId, err: error }, 'the link of an agent cannot be stored');
    const detail = 'The proof of the link cannot be stored.';
    this.#options.refused(workerId, { t: 'refused', hostId, agentId, instance, code: 'frame-invalid', detail }, false);
  }

  #decided({ workerId, proof }: Shown, verdict: Verdict): void {
    const { agentId, hostId, instance, start, link } = proof as LinkProof & { agentId: AgentId; hostId: HostId };
    if (verdict === 'admitted') {
      const known = this.of(agentId);
      // An agent that moved on meanwhile: the later link is the living one.
      if (known && (known.start > start || (known.instance === instance && known.link > link))) return;
      const session: AgentSession = { agentId, hostId, workerId, instance, start, link };
      this.#admitted.set(agentId, { session, key: this.key(agentId) });
      return this.#options.admitted(session, proof);
    }
    if (verdict === 'stale') return;
    this.#options.log.warn(
      { workerId, hostId, agentId, instance, start, verdict },
      'the link of an agent does not count',
    );
    this.#options.refused(
      workerId,
      { t: 'refused', hostId, agentId, instance, ...REFUSALS[verdict] },
      verdict === 'copied',
    );
  }
}

type Verdict = Awaited<ReturnType<Store['agentInstancesShow']>>[number];

function shownOf({ workerId, proof, atMs: shownAtMs }: Shown): AgentShown {
  const { agentId, hostId, instance, start, link, after } = proof;
  return {
    agentId: agentId as AgentId,
    hostId: hostId as HostId,
    workerId,
    instance: { instance, start, link, workerId, shownAtMs, ...given({ after }) },
  };
}

function keyOf(workerId: WorkerId, agentId: string): string {
  return `${workerId} ${agentId}`;
}

/** Of a start, or a link of the same start, that the other came after. */
function isBefore(one: LinkProof, other: LinkProof): boolean {
  return one.start < other.start || (one.instance === other.instance && one.link < other.link);
}

const REFUSALS = {
  copied: {
    code: 'agent-copied',
    detail: 'Two starts of this agent show themselves: its data folder is in use twice, or was put back from a backup.',
  },
  outdated: {
    code: 'agent-copied',
    detail:
      'Many starts of this agent have followed this one: its data folder was put back from an old backup. ' +
      'Join the host anew, in that folder.',
  },
  banned: { code: 'agent-copied', detail: 'Somebody has decided for another copy of this agent.' },
  unknown: { code: 'agent-revoked', detail: 'This is not the agent of that host.' },
  'other-zone': { code: 'link-busy', detail: 'The agent is of another zone than this worker.' },
} as const;
