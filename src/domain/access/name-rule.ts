/** What a thing may be named that people give by name or id. */
import { isUuid } from '../../base/ids.ts';

/** Controls, and what turns the direction of a text: a name is shown on terminals and in pages. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]*$/;

/** Undefined for a text of one line that is nothing but what it shows; else what is wrong with it. */
export function lineFault(text: string): string | undefined {
  return UNSEEN.test(text) ? 'control characters have no place in a name' : undefined;
}

/** Of what is given by name or id: a name that could be an id would be taken for the thing that has it. */
export function ownNameFault(name: string): string | undefined {
  return isUuid(name.toLowerCase()) ? `${name} could be taken for an id, so nothing can be named so` : lineFault(name);
}

/** The same, without anything that a shell, a URL or a target would read otherwise. */
export function plainNameFault(name: string): string | undefined {
  return (
    ownNameFault(name) ??
    (PLAIN.test(name)
      ? undefined
      : `${JSON.stringify(name)} is not a name: letters a-z and A-Z, digits and . _ - : @ only`)
  );
}
