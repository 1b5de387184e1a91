/** Frames to bytes and back: one MessagePack map each. What comes in is checked for its shape before anybody believes it. */
import { Packr } from 'msgpackr';
import { DroverError } from '../base/errors.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

export function encodeFrame(frame: object): Buffer {
  return packr.pack(frame);
}

/** Kinds of a field: `?` behind it means that it may be missing. */
type Kind = 'string' | 'number' | 'boolean' | 'bytes' | 'object' | 'array';
export type FrameShapes = Readonly<Record<string, Readonly<Record<string, Kind | `${Kind}?`>>>>;

/** Undefined for a type that is not known here: a newer peer may say more. Throws `frame-invalid` for anything malformed. */
export function decodeFrame(bytes: Uint8Array, shapes: FrameShapes): { t: string } | undefined {
  let frame: unknown;
  try {
    frame = packr.unpack(bytes);
  } catch (error) {
    throw new DroverError('frame-invalid', { detail: 'A frame is not MessagePack.', cause: error });
  }
  if (!isObject(frame) || typeof frame.t !== 'string')
    throw new DroverError('frame-invalid', { detail: 'A frame has no type.' });
  const shape = Object.hasOwn(shapes, frame.t) ? shapes[frame.t] : undefined;
  if (!shape) return undefined;
  for (const field in shape) {
    const kind = shape[field]!;
    const value = frame[field];
    const fits = value === undefined || value === null ? kind.endsWith('?') : isKind(value, kind);
    if (!fits)
      throw new DroverError('frame-invalid', { detail: `The field ${field} of a ${frame.t} frame is not ${kind}.` });
    if (value === null) delete frame[field];
  }
  return frame as { t: string };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKind(value: unknown, kind: string): boolean {
  switch (kind.replace('?', '')) {
    case 'bytes':
      return value instanceof Uint8Array;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    default:
      return typeof value === kind.replace('?', '');
  }
}

const STREAM = { a: 'string', stream: 'number' } as const;
const UPGRADE_STATE = { id: 'string', state: 'string', version: 'string', code: 'string?', detail: 'string?' } as const;

/** What an agent may say. */
export const AGENT_FRAMES: FrameShapes = {
  hello: {
    protocol: 'object',
    agentId: 'string',
    hostId: 'string',
    version: 'string',
    bootId: 'string',
    nowMs: 'number',
    facts: 'object',
    attempts: 'array',
  },
  accepted: { a: 'string' },
  started: { a: 'string', pid: 'number', atMs: 'number' },
  output: { ...STREAM, offset: 'number', bytes: 'bytes', skipped: 'number?' },
  chunk: { ...STREAM, seq: 'number', bytes: 'bytes' },
  report: {
    a: 'string',
    outcome: 'string',
    exitCode: 'number?',
    signal: 'string?',
    reason: 'string?',
    detail: 'string?',
    startedAtMs: 'number?',
    finishedAtMs: 'number',
    stdout: 'object',
    stderr: 'object',
    survivors: 'array?',
  },
  unknown: { a: 'string' },
  busy: { a: 'string' },
  data: { id: 'number', bytes: 'bytes', size: 'number', eof: 'boolean', error: 'string?' },
  renew: { csr: 'string', signature: 'bytes' },
  load: {
    running: 'number',
    unreported: 'number',
    rssBytes: 'number',
    loadAverage: 'number',
    lagMs: 'number',
    freeSpoolBytes: 'number',
    freeMemoryBytes: 'number?',
    nowMs: 'number?',
  },
  facts: { facts: 'object' },
  'upgrade-state': UPGRADE_STATE,
};

/** What a worker may say to an agent. */
export const WORKER_TO_AGENT_FRAMES: FrameShapes = {
  welcome: { protocol: 'number', workerId: 'string', nowMs: 'number', workers: 'array' },
  start: { a: 'string', validUntilMs: 'number', mac: 'bytes', spec: 'bytes', watch: 'boolean?' },
  cancel: { a: 'string' },
  watch: { a: 'string', on: 'boolean' },
  ack: { a: 'array' },
  'chunk-ack': { ...STREAM, seq: 'number' },
  query: { a: 'string' },
  fetch: { id: 'number', ...STREAM, offset: 'number', length: 'number' },
  certificate: { certificate: 'string', ca: 'string' },
  upgrade: { id: 'string', order: 'bytes', mac: 'bytes' },
  bye: { code: 'string', detail: 'string', retryAfterMs: 'number?' },
};

/** What a worker may say to a server. */
export const WORKER_FRAMES: FrameShapes = {
  hello: {
    protocol: 'object',
    workerId: 'string',
    version: 'string',
    agentAddress: 'string',
    nowMs: 'number',
    features: 'array?',
  },
  agents: { agents: 'array', last: 'boolean' },
  linked: {
    hostId: 'string',
    agentId: 'string',
    atMs: 'number',
    bootId: 'string',
    version: 'string',
    skewMs: 'number',
    facts: 'object',
  },
  unlinked: { hostId: 'string', agentId: 'string', atMs: 'number' },
  facts: { hostId: 'string', agentId: 'string', facts: 'object' },
  events: { events: 'array' },
  output: { ...STREAM, offset: 'number', bytes: 'bytes', skipped: 'number?' },
  chunk: { ...STREAM, agentId: 'string', seq: 'number', bytes: 'bytes' },
  data: { id: 'number', bytes: 'bytes', size: 'number', eof: 'boolean', error: 'string?' },
  renew: { id: 'number', agentId: 'string?', csr: 'string', signature: 'bytes' },
  load: {
    agents: 'number',
    queued: 'number',
    rssBytes: 'number',
    lagMs: 'number',
    outputBytesHeld: 'number',
    lanes: 'object?',
  },
  access: { id: 'number', hostId: 'string', accountId: 'string?' },
  secrets: { id: 'number', a: 'string' },
  'connection-tested': { id: 'number', steps: 'array?', error: 'object?' },
  'host-key': { id: 'number', hostId: 'string', algorithm: 'string', key: 'bytes' },
  'agent-loads': { loads: 'array' },
  'upgrade-state': { ...UPGRADE_STATE, hostId: 'string', agentId: 'string' },
};

/** What a server may say to a worker. */
export const SERVER_FRAMES: FrameShapes = {
  welcome: { protocol: 'number', serverId: 'string', nowMs: 'number', servers: 'array', workers: 'array' },
  topology: { servers: 'array', workers: 'array' },
  owns: { partitions: 'array' },
  assign: {
    runId: 'string',
    task: 'number',
    partition: 'number',
    term: 'number',
    priority: 'string',
    spec: 'bytes',
    validUntilMs: 'number',
    targets: 'array',
    accountId: 'string?',
  },
  cancel: { partition: 'number', term: 'number', attempts: 'array' },
  query: { partition: 'number', term: 'number', attempts: 'array' },
  watch: { on: 'boolean', attempts: 'array' },
  ack: { attempts: 'array' },
  'chunk-ack': { ...STREAM, agentId: 'string', seq: 'number' },
  fetch: { id: 'number', hostId: 'string', ssh: 'boolean?', ...STREAM, offset: 'number', length: 'number' },
  certificate: { id: 'number', certificate: 'string?', ca: 'string?', error: 'string?' },
  revoked: { agentIds: 'array' },
  drain: { on: 'boolean' },
  access: { id: 'number', access: 'object?', error: 'object?' },
  secrets: { id: 'number', values: 'array?', error: 'object?' },
  'access-changed': {},
  'connection-test': { id: 'number', hostId: 'string', accountId: 'string?' },
  'host-key': { id: 'number', answer: 'string', error: 'object?' },
  upgrade: { id: 'string', order: 'bytes', targets: 'array' },
  bye: { code: 'string', detail: 'string', retryAfterMs: 'number?' },
};
