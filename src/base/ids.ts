/**
 * Typed identifiers. Everything that lives long is a UUID in text; runs are UUID v7, so that ids sort by
 * creation time and the tables of runs can be partitioned by day on the id alone.
 *
 * An execution has no id of its own: it is (run, task, ordinal), and its attempt adds a number. The text form
 * `<run>.<task>.<ordinal>.<attempt>` is the attempt id: it names the spool folder, the journal key and
 * `DROVER_ATTEMPT_ID` in the script's environment.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { assert } from './assert.ts';

export type Id<Kind extends string> = string & { readonly __kind: Kind };
export type RunId = Id<'run'>;
export type HostId = Id<'host'>;
export type AgentId = Id<'agent'>;
export type WorkerId = Id<'worker'>;
export type ServerId = Id<'server'>;
export type TokenId = Id<'token'>;
export type AccountId = Id<'account'>;
export type JobId = Id<'job'>;
export type ChannelId = Id<'channel'>;
export type AttemptId = Id<'attempt'>;

export interface ExecutionKey {
  readonly runId: RunId;
  /** Index of the task in its run; 0 for an ad-hoc run. */
  readonly task: number;
  /** Index of the host in the task's frozen host list, from 0. */
  readonly ordinal: number;
}

export interface AttemptKey extends ExecutionKey {
  /** From 1; a retry adds one. */
  readonly attempt: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export function newId<Kind extends string>(): Id<Kind> {
  return randomUUID() as Id<Kind>;
}

/** UUID v7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then randomness. */
export function newRunId(nowMs: number): RunId {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes) as RunId;
}

/** The smallest UUID v7 of an instant: bounds of daily partitions and of keyset pages by time. */
export function runIdFloor(atMs: number): RunId {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(atMs, 0, 6);
  return uuidText(bytes) as RunId;
}

export function runIdTimeMs(runId: RunId): number {
  return Number.parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16);
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The last byte of a run's id says its partition, so there are no more. */
export const PARTITIONS_MAX = 256;

/** The partition of a run where there are so many: uniform, and computable by every process without a look-up. */
export function partitionAmong(count: number, runId: RunId): number {
  return Number.parseInt(runId.slice(34, 36), 16) % count;
}

export function attemptId(key: AttemptKey): AttemptId {
  return `${key.runId}.${key.task}.${key.ordinal}.${key.attempt}` as AttemptId;
}

/**
 * Undefined when the text is not an attempt id; callers at an edge turn that into their own refusal. Once or more for
 * every word about an attempt: 0.1 µs.
 */
export function parseAttemptId(text: string): AttemptKey | undefined {
  if (!hasUuid(text) || text.charCodeAt(UUID_LENGTH) !== DOT) return undefined;
  const numbers = [-1, -1, -1];
  let at = UUID_LENGTH;
  for (let i = 0; i < numbers.length; i++) {
    if (text.charCodeAt(at++) !== DOT) return undefined;
    const from = at;
    let number = 0;
    for (let digit: number; (digit = text.charCodeAt(at) - ZERO) >= 0 && digit <= 9; at++) number = number * 10 + digit;
    const length = at - from;
    if (length < 1 || length > 9 || (length > 1 && text.charCodeAt(from) === ZERO)) return undefined;
    numbers[i] = number;
  }
  const [task, ordinal, attempt] = numbers as [number, number, number];
  if (at !== text.length || attempt < 1) return undefined;
  return { runId: text.slice(0, UUID_LENGTH) as RunId, task, ordinal, attempt };
}

const UUID_LENGTH = 36;
const [DOT, DASH, ZERO] = [0x2e, 0x2d, 0x30];

/** Whether the text begins with one. */
function hasUuid(text: string): boolean {
  if (text.length < UUID_LENGTH) return false;
  for (let i = 0; i < UUID_LENGTH; i++) {
    const char = text.charCodeAt(i);
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (char !== DASH) return false;
    } else if (!((char >= 0x30 && char <= 0x39) || (char >= 0x61 && char <= 0x66))) return false;
  }
  return true;
}

/** For data that we wrote ourselves: a broken id is a bug. */
export function attemptKeyOf(id: AttemptId): AttemptKey {
  const key = parseAttemptId(id);
  assert(key !== undefined, `not an attempt id: ${id}`);
  return key;
}
