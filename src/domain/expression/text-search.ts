/** Whether a text stands in another, in time that grows with both together and never with one times the other, as built-in searches may. */

/** Below it the built-in search is the quicker one, whatever it is given. */
const SMALL = 65_536;

export function containsText(text: string, part: string): boolean {
  if (part.length > text.length) return false;
  if (text.length * part.length <= SMALL) return text.includes(part);
  // Knuth, Morris and Pratt: how much of the part still stands before a place where it has failed.
  const kept = new Int32Array(part.length);
  for (let at = 1, held = 0; at < part.length; at++) {
    while (held > 0 && part.charCodeAt(at) !== part.charCodeAt(held)) held = kept[held - 1]!;
    if (part.charCodeAt(at) === part.charCodeAt(held)) held++;
    kept[at] = held;
  }
  for (let at = 0, held = 0; at < text.length; at++) {
    while (held > 0 && text.charCodeAt(at) !== part.charCodeAt(held)) held = kept[held - 1]!;
    if (text.charCodeAt(at) === part.charCodeAt(held)) held++;
    if (held === part.length) return true;
  }
  return false;
}
