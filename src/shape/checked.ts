/** Texts with a rule that the domain has. */
import { z } from 'zod';

/**
 * `faultOf`: what is wrong with a text, undefined when nothing is. `form`: what is made of it before anything is asked of it.
 * `max` and `min`: UTF-16 units, of what was made of it.
 */
export function checked(
  max: number,
  faultOf: (text: string) => string | undefined,
  { min = 1, form }: { readonly min?: number; readonly form?: (text: string) => string } = {},
): z.ZodString {
  const given = form ? z.string().overwrite(form) : z.string();
  const text = given.max(max);
  return (min > 0 ? text.min(min, min > 1 ? `${min} characters at least` : undefined) : text).superRefine(
    (text, context) => {
      const message = faultOf(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    },
  ) as unknown as z.ZodString;
}
