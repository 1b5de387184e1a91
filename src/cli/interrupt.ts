/**
 * Ctrl-C while a run is followed. On a terminal the first asks: detach, cancel, or go on; the second cancels. Without a terminal the
 * first cancels the run of whoever made it, and detaches whoever only watches. Once a cancel is under way a further one leaves at once: nobody is held by a server that does not answer.
 */
export interface InterruptActions {
  /** Somebody may be asked. */
  readonly asks: boolean;
  /** What an interrupt means when nobody can be asked. */
  readonly cancels: boolean;
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
    const { asks, cancels, detach, leave, question } = this.#actions;
    if (this.#state === 'cancelling') return leave();
    if (!asks && !cancels) return detach();
    if (this.#state === 'asking' || !asks) return this.#cancel();
    this.#state = 'asking';
    question('d detaches, c or Ctrl-C cancels the run, any other key goes on watching: ');
  }

  key(key: string): void {
    if (key === '\x03') return this.press();
    if (this.#state !== 'asking') return;
    if (key.toLowerCase() === 'c') return this.#cancel();
    this.#state = 'watching';
    this.#actions.question(undefined);
    if (key.toLowerCase() === 'd') this.#actions.detach();
  }

  #cancel(): void {
    this.#state = 'cancelling';
    this.#actions.question(undefined);
    this.#actions.say('cancelling … (Ctrl-C again leaves without waiting)');
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
  process.on('SIGINT', onSignal);
  if (asks) stdin.on('data', onKey).pause();
  return () => {
    process.off('SIGINT', onSignal);
    stdin.off('data', onKey);
    raw(false);
  };
}
