/** Jobs and versions as the API shows them. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type * as r from '../../../protocol/rest/job-resources.ts';
import type { JobCard, JobDeed, JobRecord, JobVersionRecord } from '../../../store/contract/job.ts';
import { instant } from '../instant.ts';

function cardOf({ description, owner, team, tags }: JobCard): { tags: string[] } {
  return { ...given({ description, owner, team }), tags: [...tags] };
}

export function jobResource(job: JobRecord): z.infer<typeof r.Job> {
  return {
    id: job.id,
    name: job.name,
    state: job.state,
    lastVersion: job.lastVersion,
    ...given({ publishedVersion: job.publishedVersion, draftVersion: job.draftVersion }),
    ...cardOf(job),
    createdAt: instant(job.createdAtMs),
    changedAt: instant(job.changedAtMs),
  };
}

function deedOf(deed: JobDeed): z.infer<typeof r.JobVersion>['applied'];
function deedOf(deed: JobDeed | undefined): z.infer<typeof r.JobVersion>['published'];
function deedOf(deed: JobDeed | undefined): z.infer<typeof r.JobVersion>['published'] {
  return deed && { by: deed.by.name, at: instant(deed.atMs), reason: deed.reason };
}

export function jobVersionResource(version: JobVersionRecord): z.infer<typeof r.JobVersion> {
  return {
    jobId: version.jobId,
    job: version.job,
    version: version.version,
    state: version.state,
    digest: version.digest,
    ...cardOf(version),
    applied: deedOf(version.applied),
    ...given({ published: deedOf(version.published), retired: deedOf(version.retired) }),
  };
}
