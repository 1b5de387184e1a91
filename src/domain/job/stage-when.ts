/** What a stage says with `when`: how what it needs has to have ended, a condition, or both, joined by `and`. Pure. */
import { parseSyntax, type Syntax, type SyntaxFault } from '../expression/syntax.ts';
import { JOIN_RULES, type JoinRule } from '../flow/join.ts';

export interface StageWhen {
  readonly join?: JoinRule;
  readonly condition?: { readonly text: string; readonly syntax: Syntax };
  readonly fault?: SyntaxFault;
}

const RULE = new RegExp(`^(\\s*)(${JOIN_RULES.join('|')})(?![\\w.:@/+-])`);

export function readStageWhen(said: string): StageWhen {
  const [begin = '', blank = '', rule] = RULE.exec(said) ?? [];
  if (rule === undefined) {
    const parsed = parseSyntax(said);
    return parsed.ok ? { condition: { text: said, syntax: parsed.syntax } } : { fault: parsed.fault };
  }
  const join = rule as JoinRule;
  const rest = said.slice(begin.length);
  if (rest.trim() === '') return { join };
  // Read as what is always so, in the place of the rule: so places stay what they are, and `or` is found where it would take the rule in.
  const parsed = parseSyntax(blank + 'true'.padEnd(rule.length) + rest);
  if (!parsed.ok) return { join, fault: parsed.fault };
  const { syntax } = parsed;
  if (syntax.kind !== 'and' || syntax.operands[0]!.at !== blank.length)
    return {
      join,
      fault: {
        at: begin.length,
        detail: `Behind ${join} stands and with a condition, in brackets where it has an or.`,
      },
    };
  const [, first, ...others] = syntax.operands;
  const text = rest.replace(/^\s*and\s*/, '');
  return {
    join,
    condition: { text, syntax: others.length === 0 ? first! : { ...syntax, operands: [first!, ...others] } },
  };
}
