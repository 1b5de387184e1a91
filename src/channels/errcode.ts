/** Answers of robots that say in a number whether they have taken a message, with status 200 for either. */
import type { OutboundAnswer } from '../outbound/outbound.ts';
import { answered, type Refusal } from './channel-kind.ts';

/** Zero is taken. What has no such number is no answer of such a robot. */
export function errcodeRefusal(answer: OutboundAnswer, code: string, words: string): Refusal | undefined {
  const number = answered(answer, code);
  if (number === 0) return undefined;
  if (typeof number !== 'number') return { detail: `What answers is no such robot: it says no ${code}.` };
  const said = answered(answer, words);
  return { detail: `The far end refuses with ${number}${typeof said === 'string' ? `: ${said}` : ''}.` };
}
