/**
 * Work: what is to be done, and nothing of where, by whom, how often or for how long. A tagged union over the kinds
 * below. It is kept once by its content, however many runs ask for the same, in a form that says its kind and version.
 * Secrets are no part of it: it holds their names.
 */
import { DroverError, type InputFault } from '../../base/errors.ts';
import { APPROVAL } from './approval.ts';
import { secretsIn, type CallText } from './call-text.ts';
import { HTTP } from './http.ts';
import { SCRIPT } from './script.ts';
import { SQL } from './sql.ts';
import { WAIT } from './wait.ts';
import type { CallWorkKind, StoredFields, WorkKind, WorkSetting } from './work-kind.ts';

/** What a worker does itself, without a process. To add a kind: its file beside `http.ts`, and its line here. */
const CALL_KINDS = { http: HTTP, sql: SQL } as const;
/** What engines carry out. To add a kind: its file beside `script.ts`, and its line here. */
const CARRIED_KINDS = { script: SCRIPT, ...CALL_KINDS } as const;
/** Gates: no executor is given them. The owner of the run asks people, or lets time pass (`src/domain/gate/`). */
const GATE_KINDS = { approval: APPROVAL, wait: WAIT } as const;
const WORK_KINDS = { ...CARRIED_KINDS, ...GATE_KINDS } as const;

type WorkOf<K> = K extends WorkKind<infer W> ? W : never;
export type CarriedWork = WorkOf<(typeof CARRIED_KINDS)[keyof typeof CARRIED_KINDS]>;
export type CallWork = WorkOf<(typeof CALL_KINDS)[keyof typeof CALL_KINDS]>;
export type GateWork = WorkOf<(typeof GATE_KINDS)[keyof typeof GATE_KINDS]>;
export type Work = CarriedWork | GateWork;

export function isGate(work: Work): work is GateWork {
  return Object.hasOwn(GATE_KINDS, work.kind);
}

export function isCall(work: Work): work is CallWork {
  return Object.hasOwn(CALL_KINDS, work.kind);
}

/** All of its texts that may have late places. */
export function callTexts(work: CallWork): readonly CallText[] {
  return callKindOf(work).texts(work);
}

/** The same call with each of its texts replaced. */
export function withCallTexts(work: CallWork, put: (text: CallText) => CallText): CallWork {
  return callKindOf(work).withTexts(work, put);
}

/** Names of the secrets that it is given, each once. A gate is given none. */
export function secretNamesOf(work: Work): readonly string[] {
  if (isGate(work)) return [];
  return isCall(work) ? [...new Set(callTexts(work).flatMap(secretsIn))] : work.secretNames;
}

/** As it is kept, and as executors are given it: `v` is the version of the kind's own form. */
export type StoredWork = StoredFields & { readonly v: number; readonly kind: string };

export function storedWork(work: Work): StoredWork {
  const { version, stored } = kindOf(work);
  return { v: version, kind: work.kind, ...stored(work) };
}

/** Undefined for a kind or version that this program does not know: a newer one has written it. */
function knownWork({ v, kind, ...fields }: StoredWork): Work | undefined {
  return Object.hasOwn(WORK_KINDS, kind) ? WORK_KINDS[kind as Work['kind']].read(v, fields) : undefined;
}

/** For executors, who know no gates. */
export function knownCarriedWork(stored: StoredWork): CarriedWork | undefined {
  const work = knownWork(stored);
  return work && !isGate(work) ? work : undefined;
}

/** Throws `schema-newer` for what this program does not know. */
export function workOf(stored: StoredWork): Work {
  const work = knownWork(stored);
  if (work === undefined)
    throw new DroverError('schema-newer', {
      detail:
        `The work of this run is of kind ${stored.kind}, version ${stored.v}, which this program does not know. ` +
        'Start the newer program.',
    });
  return work;
}

/** Every fault of it at once. */
export function workFaults(work: Work, setting: WorkSetting): InputFault[] {
  return kindOf(work).faults(work, setting);
}

/** In memory, about. */
export function workBytes(work: Work): number {
  return kindOf(work).bytes(work);
}

function kindOf<W extends Work>(work: W): WorkKind<W> {
  return WORK_KINDS[work.kind] as unknown as WorkKind<W>;
}

function callKindOf<W extends CallWork>(work: W): CallWorkKind<W> {
  return CALL_KINDS[work.kind] as unknown as CallWorkKind<W>;
}
