/** `drover workers`: which there are, what they have to do, and taking them out of service. */
import { dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, group, type AnswerFlags } from './command.ts';
import { table } from './render.ts';
import { openSession } from './session.ts';

type Worker = Schemas['Worker'];
const PRIORITIES = ['high', 'normal', 'low'] as const;

export function addWorkersCommands(program: Command): void {
  const workers = group(program, 'workers', 'show workers and take them out of service');
  command(workers, 'list', { summary: 'list workers', examples: ['drover workers list'] }).action(async (flags: AnswerFlags) => {
    const page = dataOf(await openSession().client.GET('/api/v1/workers'));
    await answer(flags, page, () => table(['NAME', 'ZONE', 'STATE', 'AGENTS', 'UNDER WAY', 'QUEUED', 'ADDRESS'], page.items.map((worker) => [worker.name, worker.zone, stateOf(worker), String(worker.agents ?? ''), underWay(worker), String(worker.queued ?? ''), worker.agentAddress])));
  });
  command(workers, 'show', { summary: 'show a worker with its queues', examples: ['drover workers show worker-1'] }).argument('<worker>', 'name or id').action(async (worker: string, flags: AnswerFlags) => {
    const found = dataOf(await openSession().client.GET('/api/v1/workers/{worker}', { params: { path: { worker } } }));
    await answer(flags, found, () => describe(found));
  });
  command(workers, 'drain', { summary: 'give a worker no new work', description: 'Give a worker no new work: what is under way ends, and its agents go to the other workers of the zone. It stays drained until it is resumed, also over restarts.', examples: ['drover workers drain worker-1'] })
    .argument('<worker>', 'name or id').action(async (worker: string, flags: AnswerFlags) => {
      const drained = dataOf(await openSession().client.POST('/api/v1/workers/{worker}/drain', { params: { path: { worker } } }));
      await answer(flags, drained, () => `${drained.name} takes no new work. Under way: ${underWay(drained) || 'nothing'}. It may be stopped when nothing is: drover workers show ${drained.name}`);
    });
  command(workers, 'resume', { summary: 'give a drained worker work again', examples: ['drover workers resume worker-1'] }).argument('<worker>', 'name or id').action(async (worker: string, flags: AnswerFlags) => {
    const resumed = dataOf(await openSession().client.POST('/api/v1/workers/{worker}/resume', { params: { path: { worker } } }));
    await answer(flags, resumed, () => `${resumed.name} takes work again.`);
  });
}

function stateOf(worker: Worker): string {
  return `${worker.linked ? 'linked' : 'away'}${worker.drained ? ', drained' : ''}`;
}

function underWay({ lanes }: Worker): string {
  return lanes ? String(lanes.agent.underWay + lanes.ssh.underWay) : '';
}

function describe(worker: Worker): string {
  const lines = [`${worker.name}  ${worker.id}`, `zone ${worker.zone}, ${stateOf(worker)}, agents link to ${worker.agentAddress || '(not known yet)'}${worker.version ? `, version ${worker.version}` : ''}`];
  if (worker.agents !== undefined) lines.push(`${worker.agents} agents, ${Math.round((worker.rssBytes ?? 0) / 1_048_576)} MiB, event loop ${Math.round(worker.lagMs ?? 0)} ms late`);
  if (worker.lanes) {
    const rows = (['agent', 'ssh'] as const).flatMap((lane) => PRIORITIES.map((priority) => {
      const { underWay: count, capacity, [priority]: queue } = worker.lanes![lane];
      return [lane, priority, String(queue.length), queue.length > 0 ? `${(queue.oldestMs / 1_000).toFixed(1)} s` : '', priority === 'high' ? `${count} of ${capacity}` : ''];
    }));
    lines.push('', table(['VIA', 'PRIORITY', 'QUEUED', 'OLDEST', 'UNDER WAY'], rows));
  }
  return lines.join('\n');
}
