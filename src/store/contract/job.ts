/** Jobs and their versions: texts as people wrote them, and who did what with them. What a text says is the domain's. */
import type { JobId } from '../../base/ids.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { JobVersionState } from '../../domain/job/version-machine.ts';
import type { Subscription } from '../../domain/notice/subscription.ts';
import type { Actor, AuditEntry } from './audit.ts';
import type { Page } from './page.ts';

/** What of a job is shown beside its name, and looked for. */
export interface JobCard {
  readonly description?: string;
  readonly owner?: string;
  readonly team?: string;
  readonly tags: readonly string[];
}

/** Its card is that of the newest published version, else of the draft, else of the last. */
export interface JobRecord extends JobCard {
  readonly id: JobId;
  readonly name: string;
  readonly state: JobVersionState;
  readonly lastVersion: number;
  /** The newest that is published: what runs. */
  readonly publishedVersion?: number;
  readonly draftVersion?: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

export interface JobDeed {
  readonly by: Actor;
  readonly atMs: number;
  readonly reason: string;
}

export interface JobVersionRecord extends JobCard {
  readonly jobId: JobId;
  /** Its name. */
  readonly job: string;
  readonly version: number;
  readonly state: JobVersionState;
  /** SHA-256 of the text, in hexadecimal. */
  readonly digest: string;
  readonly applied: JobDeed;
  readonly published?: JobDeed;
  readonly retired?: JobDeed;
}

export interface JobVersionText extends JobVersionRecord {
  /** As it was sent, byte for byte. */
  readonly text: string;
}

export interface JobToApply {
  readonly name: string;
  readonly card: JobCard;
  /** Who is told of the ends of its runs. */
  readonly notify: readonly Subscription[];
  readonly text: string;
  readonly reason: string;
  /** The digest of the last version that whoever asks has seen; null: no such job. Undefined: whatever there is. */
  readonly seen?: string | null;
}

/** `latest`: the newest published one. */
export type JobVersionChoice = number | 'latest' | 'draft' | 'last';

export interface JobStore {
  /**
   * One transaction with its audit entry. The text becomes the draft: a new version, or in the place of the draft that there is. Nothing is
   * written where the last version has this text already and is not retired.
   */
  jobApply(
    wanted: JobToApply,
    audit: AuditEntry,
  ): Promise<
    | { readonly kind: 'created' | 'changed' | 'unchanged'; readonly version: JobVersionRecord }
    | { readonly kind: 'moved'; readonly last?: Pick<JobVersionRecord, 'version' | 'digest'> }
    | { readonly kind: 'too-many-jobs' | 'too-many-versions' }
  >;
  jobFetch(idOrName: string): Promise<JobRecord | undefined>;
  /** By name. `name`: a part of it. */
  jobList(
    scope: Scope,
    filter: {
      readonly name?: string;
      readonly owner?: string;
      readonly team?: string;
      readonly tag?: string;
      readonly state?: JobVersionState;
    },
    page: { limit: number; cursor?: string },
  ): Promise<Page<JobRecord>>;
  /** Newest first, without their texts. */
  jobVersionList(job: JobId, page: { limit: number; cursor?: string }): Promise<Page<JobVersionRecord>>;
  jobVersionFetch(job: JobId, version: JobVersionChoice): Promise<JobVersionText | undefined>;
  /** Only from a state that moves there, and only with the text that was seen, where `seen` (its digest) is given. */
  jobVersionMove(
    job: JobId,
    version: number,
    to: 'published' | 'retired',
    deed: { readonly reason: string; readonly seen?: string },
    audit: AuditEntry,
  ): Promise<
    | { readonly kind: 'moved'; readonly version: JobVersionRecord }
    | { readonly kind: 'other-state'; readonly state: JobVersionState }
    | { readonly kind: 'other-text' | 'not-found' }
  >;
  /** With its text. Only what is retired, and not the only one of its job. Its number is given to no other. */
  jobVersionRemove(
    job: JobId,
    version: number,
    audit: AuditEntry,
  ): Promise<
    | { readonly kind: 'removed' | 'only' | 'not-found' }
    | { readonly kind: 'other-state'; readonly state: JobVersionState }
  >;
  /** With all of its versions, which are retired; not while runs of it are on record. */
  jobRemove(
    job: JobId,
    audit: AuditEntry,
  ): Promise<
    | { readonly kind: 'removed'; readonly versions: number }
    | { readonly kind: 'other-state'; readonly version: number; readonly state: JobVersionState }
    | { readonly kind: 'has-runs' | 'not-found' }
  >;
  /** Every version that is not retired yet, at once. Answers which. */
  jobRetire(job: JobId, reason: string, audit: AuditEntry): Promise<readonly number[]>;
}
