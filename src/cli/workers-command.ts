/** `drover workers list`. */
import { dataOf } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, group, type AnswerFlags } from './command.ts';
import { table } from './render.ts';
import { openSession } from './session.ts';

export function addWorkersCommands(program: Command): void {
  const workers = group(program, 'workers', 'list workers');
  command(workers, 'list', { summary: 'list workers', examples: ['drover workers list'] }).action(async (flags: AnswerFlags) => {
    const page = dataOf(await openSession().client.GET('/api/v1/workers'));
    await answer(flags, page, () => table(['NAME', 'ZONE', 'LINKED', 'AGENTS', 'QUEUED', 'ADDRESS'], page.items.map((worker) => [worker.name, worker.zone, worker.linked ? 'yes' : 'no', String(worker.agents ?? ''), String(worker.queued ?? ''), worker.agentAddress])));
  });
}
