/**
 * Where an event stands among all of a run: the id that a stream gives it, and that a watcher resumes by. Events of a
 * run are in the order of its seq; within one seq come its timeline entries, then its executions by task and ordinal,
 * then the run itself, which closes the seq. A place stays what it is for as long as the run does, so that a watcher
 * who resumes misses nothing and is told nothing twice: an execution that changed meanwhile has a later place.
 */
export interface EventPlace {
  readonly seq: number;
  readonly phase: 'timeline' | 'execution' | 'closed';
  /** Timeline: the number of the entry within its seq. Execution: its task. */
  readonly major: number;
  /** Execution: its ordinal. */
  readonly minor: number;
}

const PHASES = { timeline: 0, execution: 1, closed: 2 };

export function closedAt(seq: number): EventPlace {
  return { seq, phase: 'closed', major: 0, minor: 0 };
}

export function comparePlaces(a: EventPlace, b: EventPlace): number {
  return a.seq - b.seq || PHASES[a.phase] - PHASES[b.phase] || a.major - b.major || a.minor - b.minor;
}

/** `12` closes seq 12; `12.t.0` is its first timeline entry; `12.e.0.345` the execution with ordinal 345 of task 0. */
export function formatPlace({ seq, phase, major, minor }: EventPlace): string {
  return phase === 'closed' ? `${seq}` : phase === 'timeline' ? `${seq}.t.${major}` : `${seq}.e.${major}.${minor}`;
}

/** Undefined for what is no place. */
export function parsePlace(text: string): EventPlace | undefined {
  const match = /^(\d{1,15})(?:\.t\.(\d{1,9})|\.e\.(\d{1,9})\.(\d{1,9}))?$/.exec(text);
  if (!match) return undefined;
  const [, seq, entry, task, ordinal] = match;
  if (entry !== undefined) return { seq: Number(seq), phase: 'timeline', major: Number(entry), minor: 0 };
  if (task !== undefined) return { seq: Number(seq), phase: 'execution', major: Number(task), minor: Number(ordinal) };
  return closedAt(Number(seq));
}
