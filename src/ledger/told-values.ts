/**
 * Output values as they are told: by the file of a script, once the script has ended, or by an engine that has them
 * itself. Masked, and read as far as they may be.
 */
import { valueLimits } from '../base/value-limits.ts';
import type { AgentReport } from '../protocol/link/agent-v1.ts';
import { outputValuesIn, parseOutputValues, type OutputValues, type ValuesText } from '../domain/work/output-values.ts';
import type { Mask } from './mask.ts';

/** `gone`: somebody has deleted it. `unreadable`: what is in its place is no file that can be read. */
export type ValuesFile = ValuesText | 'gone' | 'unreadable';
/** By name, as an engine has found them; `fault`: what was not found, without anything of a secret. */
export interface FoundValues {
  readonly found: Readonly<Record<string, string>>;
  readonly fault?: string;
}

export type ToldValues = Pick<AgentReport, 'values' | 'valuesFault'>;

const LACKS = {
  gone: 'The file that DROVER_OUTPUT names was deleted before the script had ended: what it told there is not known.',
  unreadable: 'What DROVER_OUTPUT names is no file any more that can be read: what the script told there is not known.',
} as const;

/** For a report: nothing where nothing was told. */
export function toldValues(from: ValuesFile | FoundValues, mask: Mask): ToldValues {
  if (from === 'gone' || from === 'unreadable') return { valuesFault: LACKS[from] };
  const masked = (text: string): string =>
    mask.isEmpty ? text : mask.stream().push(Buffer.from(text), true).toString();
  const { values, fault } = 'found' in from ? maskedValues(from, masked) : parseOutputValues(from, masked);
  const told: { -readonly [K in keyof ToldValues]: ToldValues[K] } = {};
  if (Object.keys(values).length > 0) told.values = values as Record<string, string>;
  if (fault !== undefined) told.valuesFault = fault;
  return told;
}

/** What is too long is told as that, and looked through for nothing. */
function maskedValues({ found, fault }: FoundValues, masked: (text: string) => string): OutputValues {
  const values = Object.entries(found).map(([name, value]) => {
    const isLong = value.length > valueLimits.outputValueBytesMax;
    return [name, isLong ? value : masked(value)] as const;
  });
  return outputValuesIn(Object.fromEntries(values), fault)!;
}
