/**
 * What work is done to. An execution has one as this value, and nobody tells what it is from anything but its kind: the
 * compiler names every place that has to say what it does without a host.
 */
import type { HostId } from '../../base/ids.ts';

export type Subject = HostSubject | NoSubject;

/** A managed host; the name is the one that it had when the run was created. */
export interface HostSubject {
  readonly kind: 'host';
  readonly id: HostId;
  readonly name: string;
}
/** No host: a worker carries it out, on the machine that it runs on. Which one is said by the placement of its task. */
export interface NoSubject {
  readonly kind: 'none';
  /** Of a task that is done once for each of several: which of them this is. */
  readonly item?: string;
}

/** The one execution of a task without hosts, and without items. */
export const NO_SUBJECT: NoSubject = { kind: 'none' };

export function itemSubject(item: string): NoSubject {
  return { kind: 'none', item };
}

export function hostSubject(id: HostId, name: string): HostSubject {
  return { kind: 'host', id, name };
}

export function hostOf(subject: Subject): HostSubject | undefined {
  return subject.kind === 'host' ? subject : undefined;
}

export function itemOf(subject: Subject): string | undefined {
  return subject.kind === 'none' ? subject.item : undefined;
}

/** For people, where names of hosts stand; no host can be called that. */
const NO_HOST_NAME = '(worker)';

export function subjectName(subject: Subject): string {
  return subject.kind === 'host' ? subject.name : (subject.item ?? NO_HOST_NAME);
}
