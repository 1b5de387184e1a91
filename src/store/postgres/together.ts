/**
 * Lets calls that come at once share a transaction: what comes while others are being written goes with the next. One
 * that comes alone waits for nobody.
 */
import { isDataRefused } from './pool.ts';

export interface TogetherOptions<Item, Answer> {
  /** All of them in one transaction, or none and a rejection. Answers in their order. */
  readonly write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** What an item has of what bounds a transaction. */
  readonly weigh: (item: Item) => number;
  /** Of items that share a transaction; one that has more goes alone, so that small ones do not wait for it. */
  readonly weightMax: number;
  readonly itemsMax: number;
}

/** While one transaction waits for the disk, another is read and written. */
const AT_ONCE = 2;

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Together<Item, Answer> {
  readonly #options: TogetherOptions<Item, Answer>;
  readonly #waiting: Waiting<Item, Answer>[] = [];
  #underWay = 0;

  constructor(options: TogetherOptions<Item, Answer>) {
    this.#options = options;
  }

  call(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#underWay < AT_ONCE) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#underWay++;
    while (this.#waiting.length > 0) await this.#write(this.#take());
    this.#underWay--;
  }

  #take(): Waiting<Item, Answer>[] {
    const { weigh, weightMax, itemsMax } = this.#options;
    let weight = 0;
    const tooMuch = this.#waiting.findIndex(
      ({ item }, i) => i >= itemsMax || ((weight += weigh(item)) > weightMax && i > 0),
    );
    return this.#waiting.splice(0, tooMuch === -1 ? this.#waiting.length : tooMuch);
  }

  /**
   * Of those that the database refuses together each is written by itself: one that is bad takes no other with it. Any
   * other failure is that of all.
   */
  async #write(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    let answers: readonly Answer[];
    try {
      answers = await this.#options.write(batch.map(({ item }) => item));
    } catch (error) {
      if (batch.length > 1 && isDataRefused(error)) for (const one of batch) await this.#write([one]);
      else for (const { reject } of batch) reject(error);
      return;
    }
    for (const [i, { resolve }] of batch.entries()) resolve(answers[i]!);
  }
}
