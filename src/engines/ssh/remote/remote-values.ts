/** The file of an attempt's output values, as its host gives it once the script has ended; said anew over each channel. */
import { valueLimits } from '../../../base/value-limits.ts';
import type { ValuesFile } from '../../../ledger/told-values.ts';
import { nonsense } from './remote-words.ts';

export class RemoteValues {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isGone = false;

  /** Throws `nonsense` of more than the program over there gives. */
  take(offset: number, bytes: Buffer): void {
    if (offset === 0) [this.#pieces, this.#bytes, this.#isGone] = [[], 0, false];
    this.#bytes += bytes.length;
    // One byte more than is read says that there is more.
    if (this.#bytes > valueLimits.outputValuesFileBytesMax + 1)
      throw nonsense('it gives more of the output values than is asked for');
    this.#pieces.push(Buffer.from(bytes));
  }

  /** The file is not there any more. */
  gone(): void {
    [this.#pieces, this.#bytes, this.#isGone] = [[], 0, true];
  }

  /** Undefined where nothing was told. */
  get file(): ValuesFile | undefined {
    if (this.#isGone) return 'gone';
    if (this.#bytes === 0) return undefined;
    const most = valueLimits.outputValuesFileBytesMax;
    return { bytes: Buffer.concat(this.#pieces).subarray(0, most), isMore: this.#bytes > most };
  }
}
