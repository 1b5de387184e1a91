import { expect, it } from 'vitest';
import { messageOf } from './ws-message.ts';

it('is a whole binary message, its length in one byte or in two', () => {
  const head = (length: number): string => {
    const message = messageOf(Buffer.alloc(length, 1));
    expect(message.subarray(message.length - length)).toEqual(Buffer.alloc(length, 1));
    return message.subarray(0, message.length - length).toString('hex');
  };
  expect([0, 1, 125, 126, 127, 255, 256, 65_535].map(head)).toEqual([
    '8200',
    '8201',
    '827d',
    '827e007e',
    '827e007f',
    '827e00ff',
    '827e0100',
    '827effff',
  ]);
});
