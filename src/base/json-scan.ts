/**
 * How many values a JSON text has, before any of them is made: a bracket costs JavaScript a thousand times what a letter of a text does.
 * Pure, and one pass.
 */
const [QUOTE, BACKSLASH, COMMA, COLON] = [34, 92, 44, 58];
const [LIST, LIST_END, MAP, MAP_END] = [91, 93, 123, 125];

/** A list in the outermost object. */
export interface LongList {
  /** Of what stands between its brackets. */
  readonly from: number;
  to: number;
  /** Of each entry; no more of them than are wanted. */
  readonly starts: number[];
  count: number;
  /** In it, in all of its entries and in the one that has most. */
  values: number;
  entryValuesMax: number;
}

/**
 * Counts the values of a JSON text, each of a list or an object, as whoever judges the body does; and finds the longest
 * list in the outermost object. Of what is no JSON it says something or other.
 */
export function scanJson(
  text: string,
  entriesWanted: number,
): { readonly values: number; readonly list: LongList | undefined } {
  let values = 0;
  let depth = 0;
  let isEmpty = false;
  let list: LongList | undefined;
  let open: LongList | undefined;
  let entryFrom = 0;
  const endEntry = (): void => {
    if (open && values - entryFrom > open.entryValuesMax) open.entryValuesMax = values - entryFrom;
    entryFrom = values;
  };
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Letters, digits and blanks: nearly all of it.
    if (code <= 32 || code === COLON) continue;
    const wasEmpty = isEmpty;
    isEmpty = false;
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === LIST || code === MAP) {
      values++;
      depth++;
      isEmpty = true;
      if (depth === 2 && code === LIST && entriesWanted > 0) {
        open = { from: i + 1, to: i + 1, starts: [i + 1], count: 1, values: values - 1, entryValuesMax: 0 };
        entryFrom = values;
      }
    } else if (code === COMMA) {
      values++;
      if (depth !== 2 || !open) continue;
      endEntry();
      open.count++;
      if (open.count <= entriesWanted) open.starts.push(i + 1);
    } else if (code === LIST_END || code === MAP_END) {
      if (wasEmpty) values--;
      if (depth === 2 && open) {
        endEntry();
        open.to = i;
        open.values = values - open.values;
        if (!list || open.values > list.values) list = open;
        open = undefined;
      }
      depth--;
    }
  }
  return { values, list };
}

/** Of the quote that closes the string which opens there; of the text where none does. */
function endOfString(text: string, from: number): number {
  let i = from + 1;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  return i;
}
