/**
 * Fields that a target may name, or that name a host: brought to one form (NFC) where they come in, then held against the one rule for
 * them (domain/target/nameable.ts).
 */
import { z } from 'zod';
import { limits } from '../../base/limits.ts';
import {
  hostNameFault,
  labelFault,
  labelsInOneForm,
  labelTwice,
  oneForm,
  workerNameFault,
  zoneFault,
} from '../../domain/target/nameable.ts';
import { checked } from '../../shape/checked.ts';

export const hostName = checked(limits.nameLengthMax, hostNameFault, { form: oneForm });
export const workerName = checked(limits.nameLengthMax, workerNameFault, { form: oneForm });
export const zoneName = checked(limits.nameLengthMax, zoneFault, { form: oneForm });

/** A host or a worker that is there, by id or name: whatever it is, it is only looked up. */
export const idOrFleetName = z.string().overwrite(oneForm).max(limits.nameLengthMax).describe('Id or name');

/** Keys of labels that are to go. They need not be such as could be set. */
export const labelKeys = z.array(z.string().overwrite(oneForm).max(limits.labelLengthMax)).max(limits.labelsPerHostMax);

/** Keys are brought to one form after they have been looked at: two that are one then are told, and neither is dropped. */
export const labels = z
  .record(
    z.string().meta({ maxLength: limits.labelLengthMax }),
    z.string().overwrite(oneForm).max(limits.labelLengthMax),
  )
  .superRefine((value, context) => {
    // Of so many nobody wants to hear what else is wrong with each.
    if (Object.keys(value).length > limits.labelsPerHostMax)
      return context.addIssue({ code: 'custom', message: `at most ${limits.labelsPerHostMax} labels` });
    const twice = labelTwice(value);
    if (twice !== undefined)
      context.addIssue({ code: 'custom', message: `the label ${twice} is given twice`, path: [twice] });
    for (const [key, text] of Object.entries(value)) {
      const message = labelFault(key, text);
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [key] });
    }
  })
  .overwrite(labelsInOneForm);
