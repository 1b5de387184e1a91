/**
 * What becomes of a run when whoever follows it is interrupted. Ctrl-C on a terminal asks: detach, cancel, or go on; the second cancels.
 * Where nobody can be asked (Ctrl-C without a terminal, SIGTERM, a terminal that was closed) `onDisconnect` says it. Once a cancel is
 * under way a further interrupt leaves at once: nobody is held by a server that does not answer.
 */
export const ON_DISCONNECT = ['cancel', 'detach'] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

/** Whoever only watches leaves the run alone. On a terminal whoever made it can come back; a program that was ended as a rule cannot. */
export function onDisconnectOf(
  flags: { readonly onDisconnect?: OnDisconnect; readonly watching?: boolean },
  asks: boolean,
): OnDisconnect {
  return flags.onDisconnect ?? (flags.watching || asks ? 'detach' : 'cancel');
}

/** Whoever only watches is not asked: there is nothing to choose, and a key that is pressed again is not meant for the run. */
export function asksOf(flags: { readonly watching?: boolean }, canAsk: boolean): boolean {
  return canAsk && flags.watching !== true;
}

export interface InterruptActions {
  /** Somebody may be asked. */
  readonly asks: boolean;
  /** What an interrupt means when nobody can be asked. */
  readonly onDisconnect: OnDisconnect;
  readonly cancel: () => void;
  readonly detach: () => void;
  /** Go away without waiting for the end of the cancelled run. */
  readonly leave: () => void;
  /** Shows the question until it is taken away. */
  readonly question: (text: string | undefined) => void;
  readonly say: (line: string) => void;
}

type InterruptState = 'watching' | 'asking' | 'cancelling';

export class Interrupts {
  readonly #actions: InterruptActions;
  #state: InterruptState = 'watching';

  constructor(actions: InterruptActions) {
    this.#actions = actions;
  }

  get isAsking(): boolean {
    return this.#state === 'asking';
  }

  press(): void {
    const { asks, question } = this.#actions;
    if (!asks || this.#state === 'cancelling') return this.disconnect('SIGINT');
    if (this.#state === 'asking') return this.#cancel();
    this.#state = 'asking';
    question('d detaches, c or Ctrl-C cancels the run, any other key goes on watching: ');
  }

  /** Nobody can answer: somebody ends us from elsewhere, or the terminal is gone. */
  disconnect(signal: string): void {
    const { onDisconnect, detach, leave, say } = this.#actions;
    if (this.#state === 'cancelling') return leave();
    if (onDisconnect === 'cancel') return this.#cancel(signal);
    say(`${signal} ends this command, not the run`);
    detach();
  }

  key(key: string): void {
    if (key === '\x03') return this.press();
    if (this.#state !== 'asking') return;
    if (key.toLowerCase() === 'c') return this.#cancel();
    this.#state = 'watching';
    this.#actions.question(undefined);
    if (key.toLowerCase() === 'd') this.#actions.detach();
  }

  #cancel(signal?: string): void {
    this.#state = 'cancelling';
    this.#actions.question(undefined);
    this.#actions.say(
      signal === undefined
        ? 'cancelling … (Ctrl-C again leaves without waiting)'
        : `${signal}: cancelling the run … (a further signal leaves without waiting)`,
    );
    this.#actions.cancel();
  }
}

/** Connects signals and keys of this process; the answer disconnects them. Keys come one by one only while the question stands. */
export function listenForInterrupts(interrupts: Interrupts, asks: boolean): () => void {
  const { stdin } = process;
  let isRaw = false;
  const raw = (on: boolean): void => {
    if (isRaw === on || !asks) return;
    isRaw = on;
    stdin.setRawMode(on);
    if (on) stdin.resume();
    else stdin.pause();
  };
  const onSignal = (): void => {
    interrupts.press();
    raw(interrupts.isAsking);
  };
  const onKey = (bytes: Buffer): void => {
    interrupts.key(bytes.toString('latin1').slice(0, 1));
    raw(interrupts.isAsking);
  };
  const onDisconnect = (signal: NodeJS.Signals): void => interrupts.disconnect(signal);
  process.on('SIGINT', onSignal);
  for (const signal of disconnects()) process.on(signal, onDisconnect);
  if (asks) stdin.on('data', onKey).pause();
  return () => {
    process.off('SIGINT', onSignal);
    for (const signal of disconnects()) process.off(signal, onDisconnect);
    stdin.off('data', onKey);
    raw(false);
  };
}

/** `nohup` has the launcher say so, because Node forgets which signals it was to ignore. */
function disconnects(): readonly NodeJS.Signals[] {
  return process.env.DROVER_NOHUP === '1' ? ['SIGTERM'] : ['SIGTERM', 'SIGHUP'];
}

/** Signals that come while a run is being made, of which nobody knows yet whether it is there: acted on once it is known. */
export class HeldSignals {
  readonly #held: NodeJS.Signals[] = [];
  readonly #signals = ['SIGINT', ...disconnects()] as const;
  readonly #hold = (signal: NodeJS.Signals): void => {
    this.#held.push(signal);
    // Twice: at once, whatever becomes of it.
    if (this.#held.length > 1) process.exit(1);
  };

  constructor() {
    for (const signal of this.#signals) process.on(signal, this.#hold);
  }

  /** From now on they are somebody else's. */
  release(): NodeJS.Signals | undefined {
    for (const signal of this.#signals) process.off(signal, this.#hold);
    return this.#held[0];
  }
}
