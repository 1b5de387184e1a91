import { expect, it } from 'vitest';
import { timelineText } from './timeline-text.ts';

const workers = new Map([['id-1', 'vm']]);

it.each<[string, Record<string, unknown>, string]>([
  ['created', { by: 'ann', hosts: 3, targets: 'web-*' }, 'by ann, for 3 hosts (web-*)'],
  ['dispatched', { hosts: 1, workers: { 'id-1': 1 } }, '1 host, by worker vm'],
  ['dispatched', { hosts: 3, workers: { 'id-1': 1, 'id-2': 2 } }, '3 hosts, by worker vm 1, worker id-2 2'],
  ['steps-opened', { steps: ['push', 'look'], count: 2 }, 'push, look'],
  [
    'steps-ended',
    { steps: { push: 'succeeded', look: 'timed_out' }, count: 5 },
    'push succeeded, look timed out and 3 more',
  ],
  ['came-back', { hosts: ['a-1', 'a-2'], count: 30 }, 'a-[1,2] and 28 more: given out and back again'],
  ['lost', { hosts: ['a'], count: 1, reason: 'link-lost' }, 'a: link-lost'],
  ['settled-late', { hosts: ['a'], count: 1, states: { succeeded: 1 } }, 'a: 1 succeeded'],
  ['late-report', { hosts: ['a'], count: 1 }, 'a: told of an attempt that another has taken the place of'],
  ['stopping', { by: 'ann' }, 'cancelled by ann'],
  ['stopping', { by: 'failure limit' }, 'more failed than may'],
  ['stopping', { by: 'failure limit', isDeclined: true }, 'somebody has answered no'],
  [
    'undecided',
    { faults: 5 },
    '5 times, by a fault of the server or of what is stored: it is tried again, ever more rarely. ' +
      'The log of the server says what is wrong; drover runs cancel may end the run.',
  ],
  ['failure-limit', { maxFailed: '3' }, 'more failed than may (3)'],
  ['failure-limit', { step: 'restart', batchMaxFailed: '10%' }, 'restart: more failed than may (10% of a batch)'],
  ['batch-began', { step: 'command', batch: 2, of: 5, hosts: 10 }, 'batch 2 of 5: 10 hosts'],
  ['batch-asks', { step: 'restart', batch: 2, of: 5, why: 'between' }, 'restart: after batch 2 of 5: go on?'],
  ['answered', { step: 'restart', goesOn: true, by: 'mei' }, 'restart: yes, by mei'],
  ['failure-limit', {}, 'more failed than may'],
  ['finished', { state: 'failed', counts: { succeeded: 2, timed_out: 1 } }, 'failed: 2 succeeded, 1 timed out'],
  [
    'retried',
    { by: 'ann', round: 2, states: ['failed', 'timed_out'], executions: 1 },
    'by ann: round 2, 1 execution that was failed or timed out',
  ],
  ['retried', { by: 'ann', round: 2, states: ['failed'], executions: 0 }, 'by ann: round 2, steps that were failed'],
  ['finished', { state: 'timed_out', counts: {} }, 'timed out'],
  ['answered', { goesOn: false, by: 'mei', reason: 'enough' }, 'no, by mei (enough)'],
  ['restored', { lost: 2, running: 1 }, 'from a backup: 2 hosts lost, 1 still running as far as it knows'],
  ['unheard-of', { hosts: ['a', 'b'], by: { c: 1, d: true } }, 'hosts a b, by (c 1, d true)'],
  ['dispatched', { hosts: 'many' }, 'hosts many'],
])('%s %j is told in words', (kind, detail, words) => {
  expect(timelineText({ kind, detail }, workers)).toBe(words);
});
