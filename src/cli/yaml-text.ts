/**
 * Answers for programs, as YAML. Loaded when it is asked for: a command starts without the library. That is imported here by its names,
 * because a bundle keeps those of a library for such imports alone, not for `await import('yaml')`.
 */
import { stringify } from 'yaml';
import { byNumber } from './form-text.ts';

export function yamlText(value: unknown): string {
  const text = stringify(value, { aliasDuplicateObjects: false });
  // By their numbers they can stand between double quotes alone.
  return byNumber(text) === text
    ? text
    : byNumber(
        stringify(value, {
          aliasDuplicateObjects: false,
          defaultStringType: 'QUOTE_DOUBLE',
          defaultKeyType: 'QUOTE_DOUBLE',
        }),
      );
}
