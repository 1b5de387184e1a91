/** `drover version`: of this command, and of the Node that it runs on. */
import type { Command } from 'commander';
import { version } from '../base/node-process.ts';
import { answer, command, type AnswerFlags } from './command.ts';

export function addVersionCommand(program: Command): void {
  command(program, 'version', {
    summary: 'tell the version of this command',
    description:
      'Tell the version of this command. Those of workers and agents: drover workers show, drover agents list.',
    examples: ['drover version', 'drover version -o json'],
  }).action(async (flags: AnswerFlags) => {
    const told = { version: version(), node: process.version, platform: `${process.platform}-${process.arch}` };
    await answer(flags, told, () => `drover ${told.version} (Node ${told.node}, ${told.platform})`);
  });
}
