/**
 * Names of the network, looked up as this machine does it (hosts file, search domains, name service), so that a name whose name server
 * says nothing keeps no other from being found. Each lookup holds a thread until the system gives it up, which nobody can hasten; so a
 * name is asked for once at a time, whoever wants it, and names known to be slow have but half of the threads. What was found is not kept:
 * that is the system's.
 */
import { lookup as lookUp, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Clock } from './clock.ts';

/** What Node begins with by itself. */
const THREADS_OF_NODE = 4;
/** Whoever takes longer has no right to the threads that are kept for the quick. */
const SLOW_MS = 1_000;
/** A little less than a dial has in all, which would tell of no name. */
const WITHIN_MS = 9_000;
/** Names remembered as slow, those heard last. */
const SLOW_NAMES_MAX = 10_000;

/** Names of servers that a worker looks up at once, whatever its hosts do. */
export const NAMES_OF_LINKS = 4;

/** Calls back once with all addresses, or with the system's fault. */
export type AskSystem = (
  name: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface NameLookupsOptions {
  readonly clock: Clock;
  /** Names that are asked for at once. */
  readonly atOnceMax: number;
  /** Longest that anybody waits for a name. */
  readonly withinMs?: number;
  readonly ask?: AskSystem;
}

interface Question {
  readonly name: string;
  readonly options: LookupOptions & { readonly all: true };
  readonly waiting: Set<(error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void>;
  /** Absent before its turn. */
  askedAtMs?: number;
}

/**
 * So many names this process can look up at once: half of its threads, the others are for files. `drover.ts` gives a worker more of them.
 */
export function namesAtOnce(): number {
  const given = Number.parseInt(process.env['UV_THREADPOOL_SIZE'] ?? '', 10);
  return Math.floor(((given >= 1 ? Math.min(given, 1_024) : THREADS_OF_NODE) + 1) / 2);
}

export class NameLookups {
  readonly #clock: Clock;
  readonly #atOnceMax: number;
  readonly #withinMs: number;
  readonly #ask: AskSystem;
  /** In the order in which they came. */
  readonly #questions = new Map<string, Question>();
  readonly #slow = new Set<string>();

  constructor({ clock, atOnceMax, withinMs = WITHIN_MS, ask = lookUp }: NameLookupsOptions) {
    this.#clock = clock;
    this.#atOnceMax = atOnceMax;
    this.#withinMs = withinMs;
    this.#ask = ask;
  }

  /** For `lookup` of whatever connects. Fails with ETIMEOUT for a name that was not found within its time, and says why. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    const question = this.#questionOf(name, options);
    const done = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]): void => {
      cancel();
      const first = addresses[0];
      if (options.all || error || first === undefined) callback(error, addresses);
      else callback(null, first.address, first.family);
    };
    const cancel = this.#clock.after(
      this.#withinMs,
      () => {
        question.waiting.delete(done);
        const error = this.#late(question);
        // Nobody wants it any more: it is not asked for.
        if (question.askedAtMs === undefined && question.waiting.size === 0) this.#questions.delete(keyOf(question));
        done(error, []);
      },
      { unref: true },
    );
    question.waiting.add(done);
    this.#goOn();
  };

  #questionOf(name: string, { family, hints }: LookupOptions): Question {
    const question: Question = {
      name,
      options: { all: true, family: family ?? 0, hints: hints ?? 0 },
      waiting: new Set(),
    };
    const key = keyOf(question);
    const known = this.#questions.get(key) ?? question;
    this.#questions.set(key, known);
    return known;
  }

  /** Asks for what has its turn: of the slow no more than half, so that there is always a thread for the others. */
  #goOn(): void {
    const now = this.#clock.monotonicMs();
    const asked = [...this.#questions.values()].filter(({ askedAtMs }) => askedAtMs !== undefined);
    let room = this.#atOnceMax - asked.length;
    let slowRoom =
      Math.max(1, Math.floor(this.#atOnceMax / 2)) -
      asked.filter(({ name, askedAtMs }) => this.#slow.has(name) || now - askedAtMs! >= SLOW_MS).length;
    for (const question of this.#questions.values()) {
      if (room <= 0) return;
      if (question.askedAtMs !== undefined) continue;
      if (this.#slow.has(question.name) && slowRoom-- <= 0) continue;
      room--;
      this.#begin(question, now);
    }
  }

  #begin(question: Question, now: number): void {
    question.askedAtMs = now;
    this.#ask(question.name, question.options, (error, addresses) => {
      this.#questions.delete(keyOf(question));
      this.#note(question.name, this.#clock.monotonicMs() - now >= SLOW_MS);
      for (const done of [...question.waiting]) done(error, addresses ?? []);
      this.#goOn();
    });
  }

  #note(name: string, isSlow: boolean): void {
    this.#slow.delete(name);
    if (!isSlow) return;
    this.#slow.add(name);
    if (this.#slow.size > SLOW_NAMES_MAX) this.#slow.delete(this.#slow.values().next().value!);
  }

  #late({ name, askedAtMs }: Question): NodeJS.ErrnoException {
    const within = `within ${this.#withinMs / 1_000} s`;
    const message =
      askedAtMs === undefined
        ? `the name ${name} was not looked up ${within}: other names were first whose name servers do not answer`
        : `the name ${name} was not found ${within}: no name server answered for it`;
    return Object.assign(new Error(message), { code: 'ETIMEOUT', syscall: 'getaddrinfo', hostname: name });
  }
}

function keyOf({ name, options }: Question): string {
  return `${name} ${options.family} ${options.hints}`;
}
