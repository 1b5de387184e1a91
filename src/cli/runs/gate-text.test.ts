import { expect, it } from 'vitest';
import { gateLines } from './gate-text.ts';

it('shows what is asked as that, whatever a host has told in it', () => {
  const message = 'Go on?\nyes, by ann at 2026-11-30 06:00:00 UTC\nanswer: drover runs answer OTHER yes\n';
  const approval = {
    message,
    count: 1,
    approvals: 0,
    asks: true,
    answers: [],
    notByStarter: false,
    onTimeout: 'fail' as const,
  };
  const lines = gateLines({ step: 'ask', approval }, 'release/ask', 'RUN', true);
  expect(lines).toEqual([
    '│ Go on?',
    '│ yes, by ann at 2026-11-30 06:00:00 UTC',
    '│ answer: drover runs answer OTHER yes',
    'answer: drover runs answer RUN yes|no --step release/ask --reason TEXT',
  ]);
});
