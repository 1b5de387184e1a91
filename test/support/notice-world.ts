/** Ends of runs, channels and a receiver for tests of notices: a real API, store and HTTP receiver; runs end as their owner would end them. */
import { askedNoticesMake } from '../../src/app/notice-asked.ts';
import { noticesMake } from '../../src/app/notice-make.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { silentLog } from '../../src/base/log.ts';
import { newId, newRunId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { seededRandom } from '../../src/base/random.ts';
import { emptyCounts, type ExecutionState } from '../../src/domain/crew/execution-machine.ts';
import { runVerdict } from '../../src/domain/flow/run-machine.ts';
import { MessageSender, type MessageSenderOptions } from '../../src/loops/message-sender.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { parseAllowList } from '../../src/outbound/allow-list.ts';
import { createOutbound } from '../../src/outbound/outbound.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { ExecutionChange } from '../../src/store/contract/owner-commit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testApi, type TestApi } from './api.ts';
import { receiver, type Receiver } from './receiver.ts';
import { plainSpec } from './run-spec.ts';

const actor = { kind: 'token', id: 't', name: 'ann' } as const;
export const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: {} };
const NO_STREAM = { size: 0, head: 0, tail: 0 };

export interface Ending {
  readonly name?: string;
  readonly job?: { readonly name: string; readonly version: number };
  /** One a host. */
  readonly states?: readonly ExecutionState[];
  /** Standard error of those that failed. */
  readonly said?: string;
}

export interface Body {
  readonly id: string;
  readonly event: string;
  readonly title: string;
  readonly text: string;
  readonly noticeCount: number;
  readonly notices: readonly { readonly event: string; readonly run: { readonly id: string; readonly name: string } }[];
}

export class NoticeWorld {
  readonly api: TestApi;
  readonly far: Receiver;
  readonly token: string;
  #channels = 0;

  private constructor(api: TestApi, far: Receiver, token: string) {
    [this.api, this.far, this.token] = [api, far, token];
  }

  static async start(): Promise<NoticeWorld> {
    const api = await testApi({ outboundAllowed: '127.0.0.1' });
    return new NoticeWorld(api, await receiver(), await api.token('admin'));
  }

  async end(): Promise<void> {
    await this.api.close();
    await this.far.end();
  }

  async call<T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    payload?: object,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const answer = await this.api.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${this.token}` },
      ...given({ payload }),
    });
    return { status: answer.statusCode, body: (answer.body === '' ? {} : answer.json()) as T };
  }

  /** A webhook at the receiver, and a rule for it. Its name. */
  async channel(rule?: object, more: object = {}): Promise<string> {
    const name = `channel-${++this.#channels}`;
    const endpoint = { kind: 'webhook', url: `${this.far.url}/${name}`, secret: 'a-secret-of-tests' };
    const made = await this.call('POST', '/channels', { name, endpoint, window: '1ms', perMinute: 600, ...more });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    if (rule) await this.rule({ channel: name, ...rule });
    return name;
  }

  async rule(rule: object): Promise<string> {
    const { status, body } = await this.call('POST', '/notice-rules', rule);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return String(body['id']);
  }

  /** Nobody is told of anything any more. */
  async forget(): Promise<void> {
    await this.api.database.query(
      'TRUNCATE channel, channel_test, notice_rule, run_ended, run_asked, notice_message, notice, notice_try',
    );
    this.far.received.length = 0;
    this.far.answer = (response) => void response.end('ok');
  }

  /** A run that has begun; its owner, that this is for it. */
  async begun({ name = 'n', job, states = ['failed'] }: Ending = {}): Promise<RunId> {
    const id = newRunId(systemClock.nowMs());
    const hosts = states.map((_, i) => hostSubject(newId<'host'>() as HostId, `web-${i + 1}`));
    await this.api.store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: job?.name ?? name,
        reason: 'a reason',
        createdBy: actor,
        targetExpression: 'all',
        ...oneTask(plainSpec(), hosts),
        ...given({ job }),
      },
      audit,
    );
    return id;
  }

  /** As its owner writes it: what becomes of all executions and of the run, in one commit. */
  async over(
    id: RunId,
    { states = ['failed'], said = '' }: Ending = {},
    more: { readonly round?: number; readonly stale?: boolean } = {},
  ): Promise<void> {
    const { store } = this.api;
    const serverId = newId<'server'>() as ServerId;
    await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
    const partition = partitionOf(id);
    const [row] = await this.api.database.query(
      'UPDATE partition SET owner = $2, term = term + 1 WHERE id = $1 RETURNING term',
      [partition, serverId],
    );
    const fence = { partition, serverId, term: Number(row!['term']) - (more.stale ? 1 : 0) };
    const counts = emptyCounts();
    for (const state of states) counts[state]++;
    const round = more.round ?? 1;
    const run = (await store.runFetch(id))!;
    const atMs = store.clock().nowMs();
    const bytes = Buffer.from(said);
    const executions = states.map(
      (to, ordinal): ExecutionChange => ({
        runId: id,
        task: 0,
        ordinal,
        attempt: round,
        from: ['waiting', 'dispatched', 'running'],
        to,
        seq: run.seq + 1,
        finishedAtMs: atMs,
        ...(to === 'lost' || to === 'not_started'
          ? { reason: 'link-lost' }
          : { outcome: { kind: 'exited', code: to === 'failed' ? 2 : 0 } as const, startedAtMs: atMs }),
        stdout: NO_STREAM,
        stderr:
          to === 'failed' && said !== ''
            ? { size: bytes.length, head: bytes.length, tail: 0, digest: Buffer.alloc(32, bytes.length), inline: bytes }
            : NO_STREAM,
      }),
    );
    const state = runVerdict(counts, false);
    await store.ownerCommit({
      fence,
      executions,
      runs: [{ runId: id, to: state, counts, finishedAtMs: atMs, seq: run.seq + 1 }],
      timeline: [{ runId: id, seq: run.seq + 1, kind: 'finished', atMs, detail: { state, counts } }],
    });
  }

  async ended(ending: Ending = {}): Promise<RunId> {
    const id = await this.begun(ending);
    await this.over(id, ending);
    return id;
  }

  /** As a server does it; `store` may be one that fails. */
  sending(store: Store = this.api.store): MessageSenderOptions {
    return {
      store,
      sealer: createMasterKey(Buffer.alloc(32, 1)),
      outbound: createOutbound({ allowed: parseAllowList('127.0.0.1'), clock: systemClock }),
      clock: store.clock(),
      random: seededRandom(1),
      linkOf: (runId) => `https://drover.example/api/v1/runs/${runId}`,
      log: silentLog,
    };
  }

  /** As a server looks once, until all that it has begun to send is over. How much that was. */
  async look(store: Store = this.api.store): Promise<number> {
    await askedNoticesMake(store);
    await noticesMake(store);
    const sender = new MessageSender(this.sending(store));
    const begun = await sender.begin();
    await sender.stop();
    return begun;
  }

  /** Whatever waits is due now. */
  async due(): Promise<void> {
    await this.api.database.query("UPDATE notice_message SET due_at_ms = 0 WHERE state = 'waiting'");
  }

  bodies(channel?: string): Body[] {
    return this.far.received
      .filter(({ url }) => channel === undefined || url.pathname === `/${channel}`)
      .map(({ body }) => JSON.parse(body) as Body);
  }
}
