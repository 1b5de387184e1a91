/** Definitions of other schedulers, and who reads them. To add one: a file here, and its line in the map. */
import { fromAzkaban } from './azkaban.ts';
import type { Conversion, ConversionOptions, SourceFile } from './conversion.ts';
import { fromXml } from './drover-xml.ts';
import { fromOozie } from './oozie.ts';

const FORMS = { azkaban: fromAzkaban, oozie: fromOozie, xml: fromXml } as const satisfies Record<
  string,
  (files: readonly SourceFile[], options: ConversionOptions) => Conversion
>;
export type ConversionForm = keyof typeof FORMS;
export const CONVERSION_FORMS = Object.keys(FORMS) as readonly ConversionForm[];

/** Throws a ConversionFault, with all faults at once, for what cannot be read as that form. */
export function convert(form: ConversionForm, files: readonly SourceFile[], options: ConversionOptions): Conversion {
  return FORMS[form](files, options);
}
