/** Texts with a rule that the domain has. */
import { z } from 'zod';

/** `faultOf`: what is wrong with a text, undefined when nothing is. */
export function checked(max: number, faultOf: (text: string) => string | undefined, min = 1): z.ZodString {
  const text = z.string().max(max);
  return (min > 0 ? text.min(min) : text).superRefine((text, context) => {
    const message = faultOf(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }) as unknown as z.ZodString;
}
