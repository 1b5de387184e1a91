/**
 * `${{ params.NAME }}` and `${{ steps.STAGE.STEP.outputs.NAME }}` in a text: parsed, never evaluated. There is nothing else that an
 * expression may say; `$${{` stands for `${{`. What becomes of a text is one text: an argument with an expression stays one argument,
 * whatever the value holds.
 */
import { quoted } from './job-fault.ts';

export interface TemplateParam {
  readonly param: string;
  /** Of its `${{`, in the text. */
  readonly at: number;
}

/** An output of an earlier step: known when that is over. */
export interface TemplateOutput {
  /** `STAGE.STEP`. */
  readonly step: string;
  readonly output: string;
  readonly at: number;
}

export type TemplatePart = string | TemplateParam | TemplateOutput;

export interface TemplateFault {
  readonly at: number;
  readonly detail: string;
}

export interface Template {
  readonly parts: readonly TemplatePart[];
  readonly faults: readonly TemplateFault[];
}

const OPEN = '${{';
const CLOSE = '}}';
const OUTPUT = /^steps\.(.{3,400})\.outputs\.([A-Za-z][A-Za-z0-9_]{0,63})$/;
const PARAM = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/;

export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = [];
  const faults: TemplateFault[] = [];
  let from = 0;
  for (let at = text.indexOf(OPEN); at >= 0; at = text.indexOf(OPEN, from)) {
    if (at > from && text[at - 1] === '$') {
      parts.push(text.slice(from, at - 1), OPEN);
      from = at + OPEN.length;
      continue;
    }
    parts.push(text.slice(from, at));
    const end = text.indexOf(CLOSE, at);
    if (end < 0) {
      faults.push({ at, detail: 'This expression is not closed: }} is missing. For the text itself write $${{.' });
      from = at;
      break;
    }
    const said = text.slice(at + OPEN.length, end).trim();
    const param = PARAM.exec(said)?.[1];
    const [, step, output] = OUTPUT.exec(said) ?? [];
    if (step !== undefined) parts.push({ step, output: output!, at });
    else if (param === undefined)
      faults.push({
        at,
        detail:
          `${quoted(said)} is not known in an expression; known are params.NAME and steps.STAGE.STEP.outputs.NAME. For the text ` +
          'itself write $${{.',
      });
    else parts.push({ param, at });
    from = end + CLOSE.length;
  }
  parts.push(text.slice(from));
  return { parts: parts.filter((part) => part !== ''), faults };
}

export function paramsOf({ parts }: Template): readonly TemplateParam[] {
  return parts.filter((part) => typeof part !== 'string' && 'param' in part);
}

export function outputsIn({ parts }: Template): readonly TemplateOutput[] {
  return parts.filter((part) => typeof part !== 'string' && 'output' in part);
}

/** As it is written. */
function outputText({ step, output }: Pick<TemplateOutput, 'step' | 'output'>): string {
  return `\${{ steps.${step}.outputs.${output} }}`;
}

/** More than its budget would be made: a few bytes may stand for a long value, many times. */
export class FilledTooLong extends Error {}

/** What filled texts may have together, in UTF-16 units. */
export class FillBudget {
  #left: number;

  constructor(max: number) {
    this.#left = max;
  }

  take(length: number): void {
    this.#left -= length;
    if (this.#left < 0) throw new FilledTooLong();
  }
}

/** Outputs stay as they are written, unless it is said what stands for them. Throws FilledTooLong. */
export function fillTemplate(
  { parts }: Template,
  valueOf: (param: string) => string,
  budget: FillBudget,
  output: (part: TemplateOutput) => string = outputText,
): string {
  const texts = parts.map((part) =>
    typeof part === 'string' ? part : 'param' in part ? valueOf(part.param) : output(part),
  );
  budget.take(texts.reduce((sum, text) => sum + text.length, 0));
  return texts.join('');
}
