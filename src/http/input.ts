/**
 * Whether what came with a request is what its operation takes. Every value is looked at here before anybody reads it: text that
 * PostgreSQL cannot hold, keys that JavaScript takes for something else, depth and number of values. Then the schemas judge, all faults
 * at once. A long list is judged entry by entry, so that no request has the event loop for itself.
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { othersTurn, systemClock } from '../base/clock.ts';
import { inputRefusal, isErrorCode, type ErrorCode, type InputFault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { SLICE_MS } from './body-json.ts';
import type { Operation } from './operation.ts';

/** Of one fault: the schema quotes unknown keys, which may be megabytes. */
const FAULT_DETAIL_MAX = 300;
const POINTER_MAX = 300;

type Path = readonly PropertyKey[];
export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Throws with every fault of parameters and body, as far as they are told. */
export async function validate(operation: Operation, request: FastifyRequest): Promise<Input> {
  const judge = new Judge(operation);
  const params = judge.part(operation.params, request.params, parameterPointer);
  const query = judge.part(operation.query, request.query, parameterPointer);
  const body = await judge.body(request.body);
  if (judge.faults.length > 0) throw inputRefusal(judge.faults);
  return { params, query, body };
}

class Judge {
  readonly faults: InputFault[] = [];
  readonly #operation: Operation;

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  part(schema: z.ZodType | undefined, value: unknown, pointer: (path: Path) => string): unknown {
    if (!schema) return undefined;
    const unfit = unfitIn(value, [], this.#operation.mayHoldNul ?? []);
    for (const { path, why } of unfit) this.#fault(pointer(path), why);
    if (unfit.length > 0) return undefined;
    const parsed = schema.safeParse(value ?? {});
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) this.#fault(pointer(issue.path), issue.message);
    return undefined;
  }

  async body(value: unknown): Promise<unknown> {
    const { body: schema, bulk } = this.#operation;
    const list = bulk && (value as Record<string, unknown> | null | undefined)?.[bulk.key];
    if (!bulk || !Array.isArray(list) || list.length === 0) return this.part(schema, value, bodyPointer);
    if (list.length > bulk.entriesMax) {
      this.#fault(bodyPointer([bulk.key]), `at most ${bulk.entriesMax} entries, not ${list.length}`);
      return undefined;
    }
    const entry = ((schema as z.ZodObject).shape[bulk.key] as z.ZodArray).element as z.ZodType;
    // What is beside the list is judged together with its first entry.
    const around = this.part(schema, { ...(value as object), [bulk.key]: [list[0]] }, bodyPointer);
    const entries: unknown[] = [];
    let sliceEndsMs = systemClock.monotonicMs() + SLICE_MS;
    for (let i = 0; i < list.length && this.faults.length < limits.faultsToldMax; i++) {
      entries.push(
        i === 0 ? undefined : this.part(entry, list[i] ?? null, (path) => bodyPointer([bulk.key, i, ...path])),
      );
      if (systemClock.monotonicMs() < sliceEndsMs) continue;
      await othersTurn();
      sliceEndsMs = systemClock.monotonicMs() + SLICE_MS;
    }
    if (around === undefined || this.faults.length > 0) return undefined;
    const judged = around as Record<string, unknown[]>;
    entries[0] = judged[bulk.key]![0];
    return { ...judged, [bulk.key]: entries };
  }

  /** A schema's message may bring its own code: `bad-duration: …`. */
  #fault(pointer: string, message: string): void {
    const coded = /^([a-z-]+): (.*)$/s.exec(message);
    const code: ErrorCode | undefined = coded && isErrorCode(coded[1]!) ? coded[1] : undefined;
    this.faults.push({
      pointer: cut(pointer, POINTER_MAX),
      code: code ?? 'bad-input',
      detail: cut(code ? coded![2]! : message, FAULT_DETAIL_MAX),
    });
  }
}

function parameterPointer(path: Path): string {
  return path.join('.');
}

function bodyPointer(path: Path): string {
  return `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`;
}

function cut(text: string, max: number): string {
  return text.length <= max ? text.toWellFormed() : `${text.slice(0, max).toWellFormed()}… (${text.length} characters)`;
}

interface Unfit {
  readonly path: Path;
  readonly why: string;
}

/** What no operation takes, whatever its schema says; the first hundred of it. */
function unfitIn(value: unknown, path: Path, mayHoldNul: readonly string[]): readonly Unfit[] {
  const found: Unfit[] = [];
  let values = 0;
  const text = (content: string, at: Path, isKey: boolean): void => {
    const why = !content.isWellFormed()
      ? 'half of a surrogate pair, which is not a character'
      : content.includes('\0') && (isKey || at.length !== 1 || !mayHoldNul.includes(String(at[0])))
        ? 'a NUL character'
        : undefined;
    if (why !== undefined) found.push({ path: at, why: `contains ${why}` });
  };
  const look = (part: unknown, at: Path): void => {
    if (found.length >= limits.faultsToldMax) return;
    if (typeof part === 'string') return text(part, at, false);
    if (typeof part !== 'object' || part === null) return;
    if (at.length >= limits.jsonDepthMax)
      return void found.push({ path: at.slice(0, 3), why: `nested deeper than ${limits.jsonDepthMax}` });
    const isList = Array.isArray(part);
    for (const key of Object.keys(part)) {
      if (++values > limits.bodyValuesMax) {
        if (values === limits.bodyValuesMax + 1) found.push({ path, why: `more than ${limits.bodyValuesMax} values` });
        return;
      }
      if (!isList) text(key, [...at, key], true);
      if (key === '__proto__') found.push({ path: [...at, key], why: 'not a name that can be used' });
      else look((part as Record<string, unknown>)[key], [...at, isList ? Number(key) : key]);
    }
  };
  look(value, path);
  return found;
}
