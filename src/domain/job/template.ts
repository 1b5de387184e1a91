/**
 * `${{ params.NAME }}` and `${{ steps.STAGE.STEP.outputs.NAME }}` in a text, and `${{ secrets.NAME }}` in those of calls: parsed, never
 * evaluated. Nothing else may be said by an expression; `$${{` stands for `${{`. What becomes of a text is one text: an argument with
 * an expression stays one argument, whatever the value holds.
 */
import type { CallPart, CallText } from '../work/call-text.ts';
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

/** A secret parameter, whose value is put in where the call is made. */
export interface TemplateSecret {
  readonly secret: string;
  readonly at: number;
}

export type TemplatePart = string | TemplateParam | TemplateOutput;
type CallTemplatePart = TemplatePart | TemplateSecret;

export interface TemplateFault {
  readonly at: number;
  readonly detail: string;
}

export interface Template<Part = TemplatePart> {
  readonly parts: readonly Part[];
  readonly faults: readonly TemplateFault[];
}
/** Of a text of a call. */
export type CallTemplate = Template<CallTemplatePart>;

const OPEN = '${{';
const CLOSE = '}}';
const OUTPUT = /^steps\.(.{3,400})\.outputs\.([A-Za-z][A-Za-z0-9_]{0,63})$/;
const PARAM = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/;
const SECRET = /^secrets\.([A-Za-z_][A-Za-z0-9_]*)$/;

export function parseTemplate(text: string): Template {
  return parse(text, () => undefined) as Template;
}

export function parseCallTemplate(text: string): CallTemplate {
  return parse(text, (said) => SECRET.exec(said)?.[1]);
}

function parse(text: string, secretIn: (said: string) => string | undefined): CallTemplate {
  const parts: CallTemplatePart[] = [];
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
    const secret = secretIn(said);
    if (secret !== undefined) parts.push({ secret, at });
    else if (step !== undefined) parts.push({ step, output: output!, at });
    else if (param === undefined && SECRET.test(said))
      faults.push({ at, detail: 'A secret stands in texts of calls alone: give it to a script with secrets.' });
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

export function paramsOf({ parts }: CallTemplate): readonly TemplateParam[] {
  return parts.filter((part): part is TemplateParam => typeof part !== 'string' && 'param' in part);
}

export function outputsIn({ parts }: CallTemplate): readonly TemplateOutput[] {
  return parts.filter((part): part is TemplateOutput => typeof part !== 'string' && 'output' in part);
}

export function secretsOf({ parts }: CallTemplate): readonly TemplateSecret[] {
  return parts.filter((part): part is TemplateSecret => typeof part !== 'string' && 'secret' in part);
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

/** Parameters are put in; secrets and outputs stay places of the text. Throws FilledTooLong. */
export function fillCall({ parts }: CallTemplate, valueOf: (param: string) => string, budget: FillBudget): CallText {
  const made: CallPart[] = [];
  for (const part of parts) {
    const text = typeof part === 'string' ? part : 'param' in part ? valueOf(part.param) : undefined;
    const last = made.at(-1);
    budget.take(text?.length ?? 1);
    if (text === undefined) made.push(lateOf(part as TemplateSecret | TemplateOutput));
    else if (typeof last === 'string') made[made.length - 1] = last + text;
    else if (text !== '') made.push(text);
  }
  return made;
}

function lateOf(part: TemplateSecret | TemplateOutput): CallPart {
  return 'secret' in part ? { secret: part.secret } : { step: part.step, output: part.output };
}
