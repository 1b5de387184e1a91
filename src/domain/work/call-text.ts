/**
 * Texts of a call with places that are filled in late: secrets where the call is made, and what steps before have told
 * when the order for it is made. Until then a text has its parts one by one, so that no value is ever read as another
 * place. Pure.
 */

/** What a value becomes where it is put: one part of a URL, the inside of a JSON text, or itself. */
export type CallForm = 'url' | 'json' | 'plain';

/** `step`: STAGE.STEP. `value`: what has been put in the place of an output. */
export type CallPart =
  | string
  | { readonly secret: string }
  | { readonly step: string; readonly output: string }
  | { readonly value: string };
export type CallText = readonly CallPart[];

export function isLate(part: CallPart): part is Exclude<CallPart, string> {
  return typeof part !== 'string';
}

export function secretsIn(text: CallText): readonly string[] {
  return text.flatMap((part) => (isLate(part) && 'secret' in part ? [part.secret] : []));
}

/** As people write it, for whoever looks. Secrets are their names. */
export function shownCallText(text: CallText): string {
  return text
    .map((part) => {
      if (!isLate(part)) return part;
      if ('secret' in part) return `\${{ secrets.${part.secret} }}`;
      return 'value' in part ? part.value : `\${{ steps.${part.step}.outputs.${part.output} }}`;
    })
    .join('');
}

/** `valueOf`: of a late part. */
export function filledCallText(
  text: CallText,
  form: CallForm,
  valueOf: (part: Exclude<CallPart, string>) => string,
): string {
  return text.map((part) => (isLate(part) ? inForm(valueOf(part), form) : part)).join('');
}

/** In UTF-8, of what is there by now. */
export function callTextBytes(text: CallText): number {
  return text.reduce((sum, part) => sum + (isLate(part) ? lateBytes(part) : Buffer.byteLength(part)), 0);
}

function lateBytes(part: Exclude<CallPart, string>): number {
  return 'value' in part ? Buffer.byteLength(part.value) : 0;
}

function inForm(value: string, form: CallForm): string {
  // Half of a character has no form in a URL; what is put in is text by then.
  if (form === 'url') return encodeURIComponent(value.toWellFormed());
  return form === 'json' ? JSON.stringify(value).slice(1, -1) : value;
}
