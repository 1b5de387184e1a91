/** What stands in the texts of a call beside what the job says, by an order that has it. */
import { DroverError } from '../../base/errors.ts';
import type { CallPart } from '../../domain/work/call-text.ts';

export type ValueOf = (part: Exclude<CallPart, string>) => string;

/** Throws `bad-input`, as `unfitCall` does, for what the order does not have. */
export function valuesOfOrder(secrets: Readonly<Record<string, string>>): ValueOf {
  return (part) => {
    if ('value' in part) return part.value;
    if ('step' in part) throw unfitCall(`The order does not say what ${part.step} told as ${part.output}`);
    const value = Object.hasOwn(secrets, part.secret) ? secrets[part.secret] : undefined;
    if (value === undefined) throw unfitCall(`The order has no secret ${part.secret}`);
    return value;
  };
}

/** `what`: a sentence without its end, which repeats no value: it may be a secret, or what a host has told. */
export function unfitCall(what: string): DroverError {
  return new DroverError('bad-input', { detail: `${what}.` });
}
