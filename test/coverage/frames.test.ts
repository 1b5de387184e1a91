/**
 * Frames of version 1 as they were recorded (`test/fixtures/links/v1`) are read for ever, and mean what they meant. A sample below is typed by the
 * protocol: who renames a field, or gives it another kind, has to change the sample, and then it is not what was recorded any more. A new frame is
 * recorded by `UPDATE=1 vitest run test/coverage/frames.test.ts`, which never touches what is there; anything else is version 2.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NamedExecutor } from '../../src/domain/run/executor.ts';
import { decodeFrame, encodeFrame } from '../../src/link/codec.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { FrameShapes } from '../../src/protocol/link/shape.ts';
import { SERVER_FRAMES, WORKER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import { decodeExecutionSpec, encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type AgentReport,
  type ExecutionSpec,
  type HostFacts,
  type WorkerToAgentFrame,
} from '../../src/protocol/link/agent-v1.ts';
import { commonProtocol, isSpoken } from '../../src/protocol/link/protocol-range.ts';
import { attemptMessage, startMessage, type Marked } from '../../src/protocol/link/session.ts';
import { upgradeMessage } from '../../src/protocol/link/upgrade-order.ts';
import {
  WORKER_PROTOCOL,
  type ServerToWorkerFrame,
  type WorkerToServerFrame,
} from '../../src/protocol/link/worker-v1.ts';
import { root } from '../support/source-tree.ts';

type Samples<F extends { t: string }> = { [T in F['t']]: Extract<F, { t: T }> };
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const RUN = '01936f2e-0000-7000-8000-000000000000';
const [HOST, AGENT, WORKER, SERVER] = [1, 2, 3, 4].map((n) => `01936f2e-0000-7000-8000-00000000000${n}`) as [
  string,
  string,
  string,
  string,
];
const A = `${RUN}.0.7.1`;
const BY_AGENT: NamedExecutor = { kind: 'agent', id: AGENT };
const EXECUTOR: NamedExecutor = { kind: 'worker', id: WORKER, engine: 'ssh' };
const range = { min: 1, max: 1 };
const facts: HostFacts = {
  name: 'web-1',
  os: 'linux',
  arch: 'x64',
  kernel: '6.1',
  distribution: 'Debian 12',
  cpus: 2,
  cpuModel: 'any',
  memoryBytes: 2 ** 33,
  disks: [{ mount: '/', totalBytes: 10, freeBytes: 5 }],
  addresses: ['10.0.0.1'],
  labels: { role: 'web' },
  agentVersion: '0.1.0',
  agentUser: 'root',
};
const report: AgentReport = {
  t: 'report',
  a: A,
  outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } },
  detail: 'why',
  startedAtMs: 1_700_000_000_000,
  finishedAtMs: 1_700_000_000_500,
  stdout: { size: 10, head: 2, tail: 3, digest: bytes('d'.repeat(32)), inline: bytes('abcde') },
  stderr: { size: 0, head: 0, tail: 0 },
  survivors: [77],
};

const sealed = { body: bytes('body'), mac: bytes('m'.repeat(32)) };

const agent: Samples<AgentFrame> = {
  hello: {
    t: 'hello',
    protocol: range,
    agentId: AGENT,
    hostId: HOST,
    version: '0.1.0',
    bootId: 'boot',
    proof: { body: bytes('proof'), mac: bytes('m'.repeat(32)) },
    attempts: [{ a: A, state: 'running' }],
  },
  accepted: { t: 'accepted', a: A },
  started: { t: 'started', a: A, pid: 42, atMs: 1_700_000_000_000 },
  output: { t: 'output', a: A, stream: 1, offset: 2 ** 40, bytes: bytes('\xff\0'), skipped: 3 },
  chunk: { t: 'chunk', a: A, stream: 2, seq: 1, bytes: bytes('piece') },
  report,
  unknown: { t: 'unknown', a: A, order: 6 },
  busy: { t: 'busy', a: A, order: 6 },
  data: {
    t: 'data',
    id: 5,
    a: A,
    stream: 1,
    offset: 0,
    bytes: bytes('range'),
    size: 9,
    eof: true,
    error: 'output-not-available',
  },
  renew: { t: 'renew', csr: 'pem', signature: bytes('signature') },
  load: {
    t: 'load',
    running: 1,
    unreported: 2,
    rssBytes: 3,
    loadAverage: 0.5,
    lagMs: 4,
    freeSpoolBytes: 5,
    freeMemoryBytes: 6,
    nowMs: 7,
  },
  facts: { t: 'facts', version: '0.1.0', bootId: 'boot', nowMs: 1_700_000_000_000, facts },
  said: { t: 'said', body: bytes('frame'), mac: bytes('m'.repeat(32)) },
  'ask-time': { t: 'ask-time', nonce: bytes('n'.repeat(16)) },
  'upgrade-state': {
    t: 'upgrade-state',
    id: RUN,
    state: 'rolled_back',
    version: '0.1.0',
    code: 'upgrade-rolled-back',
    detail: 'why',
  },
};
const workerToAgent: Samples<WorkerToAgentFrame> = {
  welcome: { t: 'welcome', protocol: 1, workerId: WORKER, nowMs: 1_700_000_000_000, workers: ['10.0.0.2:7401'] },
  start: {
    t: 'start',
    a: A,
    server: SERVER,
    order: 6,
    validUntilMs: 1_700_000_600_000,
    mac: bytes('m'.repeat(32)),
    spec: bytes('spec'),
    hostName: '库-1',
    watch: true,
  },
  cancel: { t: 'cancel', a: A, server: SERVER, order: 6, mac: bytes('m'.repeat(32)) },
  watch: { t: 'watch', a: A, on: true },
  ack: { t: 'ack', acks: [{ a: A, mac: bytes('m'.repeat(32)) }] },
  'chunk-ack': { t: 'chunk-ack', a: A, stream: 1, seq: 2, mac: bytes('m'.repeat(32)) },
  time: {
    t: 'time',
    server: SERVER,
    nonce: bytes('n'.repeat(16)),
    serverMs: 1_700_000_000_000,
    mac: bytes('m'.repeat(32)),
  },
  query: { t: 'query', a: A, server: SERVER, order: 6, mac: bytes('m'.repeat(32)) },
  fetch: { t: 'fetch', id: 5, a: A, stream: 1, offset: 0, length: 9 },
  certificate: { t: 'certificate', certificate: 'pem', ca: 'pem' },
  upgrade: { t: 'upgrade', id: RUN, server: SERVER, order: bytes('{}'), mac: bytes('m'.repeat(32)) },
  bye: { t: 'bye', code: 'link-busy', detail: 'later', retryAfterMs: 100 },
};
const worker: Partial<Samples<WorkerToServerFrame>> = {
  hello: {
    t: 'hello',
    protocol: range,
    workerId: WORKER,
    version: '0.1.0',
    agentAddress: '10.0.0.2:7401',
    nowMs: 1_700_000_000_000,
  },
  agents: { t: 'agents', agents: [{ hostId: HOST, agentId: AGENT, sinceMs: 1, proof: sealed }], last: true },
  linked: { t: 'linked', hostId: HOST, agentId: AGENT, atMs: 1, proof: sealed },
  unlinked: { t: 'unlinked', hostId: HOST, agentId: AGENT, atMs: 2 },
  said: { t: 'said', agentId: AGENT, ...sealed },
  'ask-time': { t: 'ask-time', hostId: HOST, agentId: AGENT, nonce: bytes('n'.repeat(16)) },
  'data-said': { t: 'data-said', id: 5, agentId: AGENT, ...sealed },
  events: {
    t: 'events',
    events: [
      { k: 'said', a: A, agentId: AGENT, ...sealed },
      { k: 'accepted', a: A, executor: EXECUTOR },
      { k: 'started', a: A, executor: EXECUTOR, atMs: 1, pid: 42 },
      { k: 'report', executor: EXECUTOR, report },
      { k: 'unknown', a: A, executor: EXECUTOR },
      { k: 'undelivered', a: A, code: 'host-not-linked' },
      { k: 'undelivered', a: A, code: 'agent-busy', executor: EXECUTOR, order: 6, server: SERVER },
    ],
  },
  output: { t: 'output', a: A, stream: 1, offset: 0, bytes: bytes('x'), skipped: 1 },
  chunk: { t: 'chunk', a: A, executor: EXECUTOR, stream: 1, seq: 0, bytes: bytes('x') },
  data: { t: 'data', id: 5, bytes: bytes('x'), size: 1, eof: true, error: 'internal' },
  renew: { t: 'renew', id: 1, agentId: AGENT, csr: 'pem', signature: bytes('signature') },
  load: { t: 'load', agents: 1, queued: 2, rssBytes: 3, lagMs: 4, outputBytesHeld: 5 },
  'agent-loads': {
    t: 'agent-loads',
    loads: [
      {
        h: HOST,
        running: 1,
        unreported: 2,
        rssBytes: 3,
        loadAverage: 0.5,
        lagMs: 4,
        freeSpoolBytes: 5,
        freeMemoryBytes: 6,
        skewMs: 7,
      },
    ],
  },
  access: { t: 'access', id: 6, hostId: HOST, accountId: RUN },
  secrets: { t: 'secrets', id: 7, a: A },
  'host-key': { t: 'host-key', id: 8, hostId: HOST, algorithm: 'ssh-ed25519', key: bytes('key') },
  'connection-tested': {
    t: 'connection-tested',
    id: 9,
    steps: [{ step: 'auth', result: 'failed', code: 'ssh-auth-failed', detail: 'why' }],
    error: { code: 'host-not-found', detail: 'why' },
  },
};
const server: Partial<Samples<ServerToWorkerFrame>> = {
  welcome: {
    t: 'welcome',
    protocol: 1,
    serverId: SERVER,
    nowMs: 1,
    partitionCount: 256,
    servers: [{ id: SERVER, url: 'https://10.0.0.3:7400' }],
    workers: ['10.0.0.2:7401'],
  },
  topology: { t: 'topology', servers: [{ id: SERVER, url: 'https://10.0.0.3:7400' }], workers: [] },
  owns: { t: 'owns', partitions: [{ id: 3, term: 9 }] },
  assign: {
    t: 'assign',
    runId: RUN,
    task: 0,
    partition: 3,
    term: 9,
    priority: 'normal',
    spec: bytes('spec'),
    server: SERVER,
    order: 6,
    validUntilMs: 1_700_000_600_000,
    targets: [
      {
        ordinal: 7,
        attempt: 1,
        hostId: HOST,
        hostName: '库-1',
        executor: BY_AGENT,
        mac: bytes('m'.repeat(32)),
        watch: true,
      },
      { ordinal: 8, attempt: 1, hostId: HOST, hostName: 'web-1', executor: EXECUTOR, mac: bytes('') },
    ],
  },
  cancel: {
    t: 'cancel',
    partition: 3,
    term: 9,
    server: SERVER,
    order: 6,
    attempts: [{ a: A, executor: BY_AGENT, mac: bytes('m'.repeat(32)) }],
  },
  query: {
    t: 'query',
    partition: 3,
    term: 9,
    server: SERVER,
    order: 6,
    attempts: [{ a: A, executor: BY_AGENT, mac: bytes('m'.repeat(32)) }],
  },
  watch: { t: 'watch', on: true, attempts: [{ a: A, executor: EXECUTOR }] },
  ack: { t: 'ack', attempts: [{ a: A, executor: BY_AGENT, mac: bytes('m'.repeat(32)) }] },
  'chunk-ack': { t: 'chunk-ack', a: A, executor: BY_AGENT, stream: 1, seq: 0, mac: bytes('m'.repeat(32)) },
  time: {
    t: 'time',
    hostId: HOST,
    agentId: AGENT,
    server: SERVER,
    nonce: bytes('n'.repeat(16)),
    serverMs: 1_700_000_000_000,
    mac: bytes('m'.repeat(32)),
  },
  refused: { t: 'refused', hostId: HOST, agentId: AGENT, instance: RUN, code: 'agent-copied', detail: 'why' },
  fetch: { t: 'fetch', id: 5, executor: EXECUTOR, a: A, stream: 1, offset: 0, length: 9 },
  certificate: { t: 'certificate', id: 1, certificate: 'pem', ca: 'pem', error: 'internal' },
  revoked: { t: 'revoked', agentIds: [AGENT] },
  upgrade: {
    t: 'upgrade',
    id: RUN,
    server: SERVER,
    order: bytes('{}'),
    targets: [{ hostId: HOST, agentId: AGENT, mac: bytes('m'.repeat(32)) }],
  },
  drain: { t: 'drain', on: true },
  'access-changed': { t: 'access-changed' },
  'connection-test': { t: 'connection-test', id: 9, hostId: HOST, accountId: RUN },
  secrets: { t: 'secrets', id: 7, values: ['s3cret'], error: { code: 'not-found', detail: 'why' } },
  'host-key': { t: 'host-key', id: 8, answer: 'refused', error: { code: 'host-not-found', detail: 'why' } },
  access: {
    t: 'access',
    id: 6,
    error: { code: 'host-not-found', detail: 'why' },
    access: {
      hostId: HOST,
      accountId: RUN,
      become: { kind: 'sudo', user: 'root', password: 'p' },
      hops: [
        {
          hostId: HOST,
          address: '10.0.0.9',
          port: 22,
          user: 'ops',
          credentials: [{ kind: 'key', name: 'k', privateKey: 'pem', passphrase: 'p', certificate: 'c' }],
          hostKeyPolicy: 'strict',
          knownHostKeys: [{ algorithm: 'ssh-ed25519', key: bytes('key') }],
          algorithms: { kex: ['curve25519-sha256'] },
        },
      ],
    },
  },
  bye: { t: 'bye', code: 'shutting-down', detail: 'why', retryAfterMs: 100 },
};

const ways: readonly { way: string; samples: object; shapes: FrameShapes }[] = [
  { way: 'agent-to-worker', samples: agent, shapes: AGENT_FRAMES },
  { way: 'worker-to-agent', samples: workerToAgent, shapes: WORKER_TO_AGENT_FRAMES },
  { way: 'worker-to-server', samples: worker, shapes: WORKER_FRAMES },
  { way: 'server-to-worker', samples: server, shapes: SERVER_FRAMES },
];

/** Hex of the recorded bytes, by frame type. */
function recorded(way: string, samples: object): Record<string, string> {
  const path = join(root, 'test/fixtures/links/v1', `${way}.json`);
  const known = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>) : {};
  if (!process.env.UPDATE) return known;
  for (const [type, frame] of Object.entries(samples)) known[type] ??= encodeFrame(frame as object).toString('hex');
  writeFileSync(path, `${JSON.stringify(known, undefined, 1)}\n`);
  return known;
}

describe.each(ways)('frames $way', ({ way, samples, shapes }) => {
  const fixtures = recorded(way, samples);

  it('are all recorded', () => expect(Object.keys(shapes).filter((type) => fixtures[type] === undefined)).toEqual([]));

  it.each(Object.entries(fixtures))('%s still means what it meant', (type, hex) => {
    expect(plain(decodeFrame(Buffer.from(hex, 'hex'), shapes))).toEqual(
      plain((samples as Record<string, object>)[type]!),
    );
  });

  it('may lack every optional field, and may have fields that nobody knows yet', () => {
    for (const [type, hex] of Object.entries(fixtures)) {
      const whole = decodeFrame(Buffer.from(hex, 'hex'), shapes) as unknown as Record<string, unknown>;
      const { is } = shapes[type]!;
      const isOptional = (field: string): boolean => is.kind === 'record' && 'optional' in (is.fields[field] ?? {});
      const least = Object.fromEntries(Object.entries(whole).filter(([field]) => !isOptional(field)));
      expect(decodeFrame(encodeFrame({ ...least, fieldOfTomorrow: 1 }), shapes), type).toMatchObject({ t: type });
    }
    expect(decodeFrame(encodeFrame({ t: 'frame-of-tomorrow', x: 1 }), shapes)).toBeUndefined();
  });
});

/** Bytes compare by what they are, whichever class holds them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  return value;
}

describe('what travels inside frames', () => {
  it('is a spec that an agent of version 1 reads', () => {
    const spec: ExecutionSpec = {
      v: 1,
      runId: RUN,
      runName: 'n',
      work: {
        v: 1,
        kind: 'script',
        script: bytes('true'),
        lang: 'sh',
        args: ['a'],
        env: { E: '1' },
        params: { P: '2' },
        secretNames: ['S'],
        cwd: '/',
        stdin: bytes('in'),
      },
      secrets: { S: '3' },
      user: 'u',
      environment: 'login',
      timeoutMs: 1,
      killAfterMs: 2,
      outputKeptBytes: 3,
    };
    const path = join(root, 'test/fixtures/links/v1/execution-spec.hex');
    if (process.env.UPDATE && !existsSync(path))
      writeFileSync(path, Buffer.from(encodeExecutionSpec(spec)).toString('hex'));
    expect(plain(decodeExecutionSpec(Buffer.from(readFileSync(path, 'utf8'), 'hex')))).toEqual(plain(spec));
  });

  it('is signed over the same bytes as ever', () => {
    const mark = { server: SERVER, order: 6, validUntilMs: 5 };
    const text = ({ head, body = bytes('') }: Marked): string => head + Buffer.from(body).toString();
    expect(text(startMessage(AGENT, HOST, { a: A, hostName: '库-1' }, mark, bytes('digest')))).toBe(
      `drover-start-1\n${AGENT}\n${HOST}\n${A}\n${SERVER}\n6\n5\n库-1\ndigest`,
    );
    expect(text(attemptMessage('cancel', AGENT, HOST, A, mark))).toBe(
      `drover-cancel-1\n${AGENT}\n${HOST}\n${A}\n${SERVER}\n6\n`,
    );
    expect(text(upgradeMessage(RUN, AGENT, HOST, SERVER, bytes('digest')))).toBe(
      `drover-upgrade-1\n${RUN}\n${AGENT}\n${HOST}\n${SERVER}\ndigest`,
    );
  });
});

describe('the version of a link', () => {
  it('is the highest that both ends know', () => {
    expect([AGENT_PROTOCOL, WORKER_PROTOCOL]).toEqual([range, range]);
    expect(commonProtocol({ min: 1, max: 2 }, { min: 1, max: 1 })).toBe(1);
    expect(commonProtocol({ min: 1, max: 2 }, { min: 2, max: 5 })).toBe(2);
    for (const theirs of [
      { min: 3, max: 4 },
      { min: 0, max: 0 },
      { min: 2, max: 1 },
      { min: NaN, max: 1 },
      { min: '1', max: '1' } as never,
      {} as never,
    ])
      expect(commonProtocol({ min: 1, max: 2 }, theirs)).toBeUndefined();
    expect([0, 1, 2, 1.5, NaN].map((chosen) => isSpoken(range, chosen))).toEqual([false, true, false, false, false]);
  });
});
