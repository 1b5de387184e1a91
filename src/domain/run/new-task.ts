/** Tasks of a run that is about to be written, with the hosts that they go to. */
import { given } from '../../base/given.ts';
import type { RunSpec } from './spec.ts';
import { hostOf, type HostSubject, type Subject } from './subject.ts';

export interface NewTask {
  readonly spec: RunSpec;
  /** AES-256-GCM sealed JSON of name → value; absent without secrets. */
  readonly sealedSecrets?: Uint8Array;
  /** Its place among the lists of hosts. */
  readonly subjects: number;
  /** It has its turn when the run starts: its executions are written with the run. */
  readonly isFirst: boolean;
}

export interface NewTasks {
  /** In the order of their numbers, from 0. */
  readonly tasks: readonly NewTask[];
  /** Lists of hosts, frozen: each is kept once for all tasks that go to the same. */
  readonly subjects: readonly (readonly Subject[])[];
}

/** That of a command. */
export function oneTask(spec: RunSpec, targets: readonly Subject[], sealedSecrets?: Uint8Array): NewTasks {
  return { tasks: [{ spec, subjects: 0, isFirst: true, ...given({ sealedSecrets }) }], subjects: [targets] };
}

/** All hosts that they may come to, each once; a task without hosts adds none. */
export function allHosts({ subjects }: Pick<NewTasks, 'subjects'>): readonly HostSubject[] {
  const [first = [], ...others] = subjects.map((list) => list.flatMap((subject) => hostOf(subject) ?? []));
  if (others.length === 0) return first;
  return [...new Map([first, ...others].flat().map((host) => [host.id, host])).values()];
}
