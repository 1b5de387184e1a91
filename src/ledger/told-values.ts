/** The file in which a script tells its output values, once the script has ended: masked, and read as far as it may be. */
import type { AgentReport } from '../protocol/link/agent-v1.ts';
import { parseOutputValues, type ValuesText } from '../domain/work/output-values.ts';
import type { Mask } from './mask.ts';

/** `gone`: somebody has deleted it. `unreadable`: what is in its place is no file that can be read. */
export type ValuesFile = ValuesText | 'gone' | 'unreadable';

export type ToldValues = Pick<AgentReport, 'values' | 'valuesFault'>;

const LACKS = {
  gone: 'The file that DROVER_OUTPUT names was deleted before the script had ended: what it told there is not known.',
  unreadable: 'What DROVER_OUTPUT names is no file any more that can be read: what the script told there is not known.',
} as const;

/** For a report: nothing where nothing was told. */
export function toldValues(file: ValuesFile, mask: Mask): ToldValues {
  if (file === 'gone' || file === 'unreadable') return { valuesFault: LACKS[file] };
  const { values, fault } = parseOutputValues(file, (text) =>
    mask.isEmpty ? text : mask.stream().push(Buffer.from(text), true).toString(),
  );
  const told: { -readonly [K in keyof ToldValues]: ToldValues[K] } = {};
  if (Object.keys(values).length > 0) told.values = values as Record<string, string>;
  if (fault !== undefined) told.valuesFault = fault;
  return told;
}
