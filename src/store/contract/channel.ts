/** Channels, by which people are told. Where one leads comes and goes sealed: an implementation never sees it in clear. */
import type { ChannelId } from '../../base/ids.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { Lang } from '../../domain/notice/message.ts';
import type { Actor, AuditEntry } from './audit.ts';

export interface ChannelSettings {
  readonly name: string;
  readonly lang: Lang;
  /** Messages that it is sent in a minute at most. */
  readonly perMinute: number;
  /** After a message, notices of the same job or command wait so long for company. */
  readonly windowMs: number;
}

export interface SealedEndpoint {
  readonly keyId: string;
  readonly dataKey: Uint8Array;
  readonly sealed: Uint8Array;
}

/** What is kept of where it leads: sealed, and beside it what of that is no secret. */
export interface ChannelEndpoint extends SealedEndpoint {
  readonly kind: string;
  readonly shown: Readonly<Record<string, unknown>>;
}

export interface ChannelRecord extends ChannelSettings {
  readonly id: ChannelId;
  readonly kind: string;
  readonly shown: Readonly<Record<string, unknown>>;
  /** Grows with every change; a write names the one that it has read. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly createdBy: Actor;
}

export interface ChannelStore {
  channelCreate(
    id: ChannelId,
    settings: ChannelSettings,
    endpoint: ChannelEndpoint,
    audit: AuditEntry,
  ): Promise<{ kind: 'created'; channel: ChannelRecord } | { kind: 'name-taken' | 'too-many' }>;
  channelFetch(idOrName: string): Promise<ChannelRecord | undefined>;
  /** All of them, by name. */
  channelList(scope: Scope): Promise<readonly ChannelRecord[]>;
  channelEndpoint(id: ChannelId): Promise<SealedEndpoint | undefined>;
  /** Lands only on the version that the caller has read. Without `endpoint` it leads where it led. */
  channelReplace(
    id: ChannelId,
    version: number,
    settings: ChannelSettings,
    endpoint: ChannelEndpoint | undefined,
    audit: AuditEntry,
  ): Promise<
    | { kind: 'replaced'; channel: ChannelRecord }
    | { kind: 'name-taken' | 'changed' | 'not-found' }
    /** Published jobs have it by its present name, and it would get another. */
    | { kind: 'in-use'; jobs: readonly string[] }
  >;
  /**
   * Rules that name it, and published jobs, keep it from going unless forced; then the rules go too. What waits to be told
   * by it has failed then. `jobs`: the first of them.
   */
  channelRemove(
    id: ChannelId,
    isForced: boolean,
    audit: AuditEntry,
  ): Promise<{ kind: 'removed' | 'not-found' } | { kind: 'in-use'; rules: number; jobs: readonly string[] }>;
  /**
   * Notes that a message is sent by hand, with its entry of the audit. `too-many`: the channel was sent as many messages in
   * the last minute as it takes, tries of notices among them; then nothing is written.
   */
  channelTestBegin(id: ChannelId, audit: AuditEntry): Promise<{ kind: 'begun' | 'not-found' | 'too-many' }>;
  channelEndpointsNotUnder(
    keyId: string,
    after: ChannelId | undefined,
    limit: number,
  ): Promise<readonly (SealedEndpoint & { readonly id: ChannelId })[]>;
  /** Each lands only on what was read. */
  channelEndpointsReseal(
    changes: readonly { readonly id: ChannelId; readonly from: Uint8Array; readonly to: SealedEndpoint }[],
  ): Promise<number>;
}
