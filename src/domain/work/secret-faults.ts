/** Secrets that cannot be masked well, whatever they are given to. */
import type { InputFault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';

export function secretFaults(secrets: Readonly<Record<string, string>>): InputFault[] {
  const faults: InputFault[] = [];
  const fault = (pointer: string, detail: string): void => void faults.push({ pointer, code: 'bad-input', detail });
  for (const [name, value] of Object.entries(secrets)) {
    const bytes = Buffer.byteLength(value);
    if (bytes < limits.secretBytesMin || bytes > limits.secretBytesMax)
      fault(
        `#/secrets/${name}`,
        `The secret ${name} has ${bytes} bytes; it must have ${limits.secretBytesMin} to ${limits.secretBytesMax} to be masked well.`,
      );
  }
  const all = Object.values(secrets).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (all > limits.secretsBytesMax)
    fault(
      '#/secrets',
      `The secrets have ${all} bytes together; a run may have ${limits.secretsBytesMax}, to be masked well. Give ` +
        'a secret with which the script fetches or opens what is larger.',
    );
  return faults;
}
