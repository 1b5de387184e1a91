/**
 * What work is done to. An execution has one as this value, and nobody tells what it is from anything but its kind. A kind that is no host
 * is one line here; the compiler names every place that then has to say what it does without a host.
 */
import type { HostId } from '../../base/ids.ts';

export type Subject =
  /** A managed host; the name is the one that it had when the run was created. */
  { readonly kind: 'host'; readonly id: HostId; readonly name: string };

export function hostSubject(id: HostId, name: string): Subject {
  return { kind: 'host', id, name };
}
