/** `drover workers`: which there are, what they have to do, and taking them out of service. */
import { dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { pause, systemClock } from '../../base/clock.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { mebibytes, table, timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Worker = Schemas['Worker'];
const PRIORITIES = ['high', 'normal', 'low'] as const;

export function addWorkersCommands(program: Command): void {
  const workers = group(program, 'workers', 'show workers and take them out of service');
  withUtc(command(workers, 'list', { summary: 'list workers', examples: ['drover workers list'] })).action(
    async (flags: AnswerFlags) => {
      const page = dataOf(await openSession().client.GET('/api/v1/workers'));
      await answer(flags, page, () =>
        listText(flags, page.items, [
          ['NAME', (worker) => worker.name],
          ['ZONE', (worker) => worker.zone],
          ['STATE', stateOf],
          ['AGENTS', (worker) => String(worker.agents ?? '')],
          ['UNDER WAY', underWay],
          ['QUEUED', (worker) => String(worker.queued ?? '')],
          ['ADDRESS', (worker) => worker.agentAddress],
          ['VERSION', (worker) => worker.version, 'wide'],
          ['MEMORY', (worker) => mebibytes(worker.rssBytes), 'wide'],
          ['JOINED', (worker) => timeText(worker.joinedAt, flags.utc === true), 'wide'],
          ['ID', (worker) => worker.id, 'wide'],
        ]),
      );
    },
  );
  withUtc(
    command(workers, 'show', { summary: 'show a worker with its queues', examples: ['drover workers show worker-1'] }),
  )
    .argument('<worker>', 'name or id')
    .action(async (worker: string, flags: AnswerFlags) => {
      const found = dataOf(
        await openSession().client.GET('/api/v1/workers/{worker}', { params: { path: { worker } } }),
      );
      await answer(flags, found, () => describe(found, flags.utc === true));
    });
  command(workers, 'drain', {
    summary: 'give a worker no new work',
    description:
      'Give a worker no new work: what is under way ends, and its agents go to the other workers of the zone. It ' +
      'stays drained until it is resumed, also over restarts.',
    examples: ['drover workers drain worker-1'],
  })
    .argument('<worker>', 'name or id')
    .action(async (worker: string, flags: AnswerFlags) => {
      const { client } = openSession();
      const drained = await afterIts(
        dataOf(await client.POST('/api/v1/workers/{worker}/drain', { params: { path: { worker } } })),
        async () => dataOf(await client.GET('/api/v1/workers/{worker}', { params: { path: { worker } } })),
      );
      await answer(flags, drained, () => `${plainText(drained.name)} takes no new work. ${toFinish(drained)}`);
    });
  command(workers, 'revoke', {
    summary: 'cut a worker off for good',
    description:
      'Cut a worker off for good: every server ends its link, renews no certificate of its and gives it no ' +
      'credentials, and its agents go to the other workers of the zone. What it had under way over SSH is told ' +
      'as lost. It can only come back by joining anew.',
    examples: ['drover workers revoke worker-1'],
  })
    .argument('<worker>', 'name or id')
    .action(async (worker: string, flags: AnswerFlags) => {
      const revoked = dataOf(
        await openSession().client.POST('/api/v1/workers/{worker}/revoke', { params: { path: { worker } } }),
      );
      await answer(flags, revoked, () => `${plainText(revoked.name)} is cut off for good.`);
    });
  command(workers, 'resume', {
    summary: 'give a drained worker work again',
    examples: ['drover workers resume worker-1'],
  })
    .argument('<worker>', 'name or id')
    .action(async (worker: string, flags: AnswerFlags) => {
      const resumed = dataOf(
        await openSession().client.POST('/api/v1/workers/{worker}/resume', { params: { path: { worker } } }),
      );
      await answer(flags, resumed, () => `${plainText(resumed.name)} takes work again.`);
    });
}

/** A drained worker says at once what it has under way; what it said before may be of another time. */
async function afterIts(drained: Worker, read: () => Promise<Worker>): Promise<Worker> {
  let now = drained;
  for (let tries = 0; tries < 30 && now.linked && now.figuresAt === drained.figuresAt; tries++) {
    await pause(systemClock, 100);
    now = await read();
  }
  return now;
}

function toFinish(worker: Worker): string {
  if (!worker.linked) return 'It is away: what it has under way is not known here.';
  const { figuresAt, lanes, queued = 0 } = worker;
  if (figuresAt === undefined || !lanes)
    return `It has not said yet what it has under way: drover workers show ${plainText(worker.name)}`;
  const left = underWayIn(lanes) + queued;
  return left === 0
    ? 'Nothing is under way: it may be stopped.'
    : `Under way or waiting there: ${left}. It may be stopped when nothing is: drover workers show ${plainText(worker.name)}`;
}

function stateOf(worker: Worker): string {
  if (worker.revokedAt !== undefined) return 'revoked';
  return `${worker.linked ? 'linked' : 'away'}${worker.drained ? ', drained' : ''}${worker.copy ? ', copied' : ''}`;
}

function underWay({ lanes }: Worker): string {
  return lanes ? String(underWayIn(lanes)) : '';
}

function underWayIn({ agent, ssh, process, calls }: NonNullable<Worker['lanes']>): number {
  return agent.underWay + ssh.underWay + (process?.underWay ?? 0) + (calls?.underWay ?? 0);
}

function describe(worker: Worker, utc: boolean): string {
  const lines = [
    `${plainText(worker.name)}  ${worker.id}`,
    `zone ${plainText(worker.zone)}, ${stateOf(worker)}, agents link to ` +
      `${plainText(worker.agentAddress) || '(not known yet)'}` +
      `${worker.version ? `, version ${plainText(worker.version)}` : ''}`,
  ];
  if (worker.figuresAt !== undefined)
    lines.push(
      `at ${timeText(worker.figuresAt, utc)}: ${worker.agents} agents, ${mebibytes(worker.rssBytes ?? 0)}, event ` +
        `loop ${Math.round(worker.lagMs ?? 0)} ms late`,
    );
  if (worker.copy)
    lines.push(
      `copied: another process of it shows itself since ${timeText(worker.copy.since, utc)} and is given nothing; its ` +
        'data folder is in use twice. Stop the wrong one, and join it anew on an empty data folder',
    );
  const labels = Object.entries(worker.labels).map(([name, value]) => `${name}=${value}`);
  if (labels.length > 0) lines.push(`labels ${plainText(labels.join(' '))}`);
  if (worker.resources) {
    const { total, free, loadMilliCpus } = worker.resources;
    const of = (name: 'memoryMiB' | 'diskMiB'): string =>
      `${mebibytes(free[name] * 1_048_576)} of ${mebibytes(total[name] * 1_048_576)}`;
    lines.push(
      `free for tasks: ${free.milliCpus / 1_000} of ${total.milliCpus / 1_000} CPUs (${(loadMilliCpus / 1_000).toFixed(1)} busy), ` +
        `memory ${of('memoryMiB')}, disk ${of('diskMiB')}`,
    );
  }
  if (worker.lanes) {
    const { lanes } = worker;
    const rows = (['agent', 'ssh', 'process', 'calls'] as const).flatMap((lane) =>
      PRIORITIES.flatMap((priority) => {
        const figures = lanes[lane];
        if (!figures) return [];
        const { underWay: count, capacity, [priority]: queue } = figures;
        const row = [
          lane,
          priority,
          String(queue.length),
          queue.length > 0 ? `${(queue.oldestMs / 1_000).toFixed(1)} s` : '',
          priority === 'high' ? `${count} of ${capacity}` : '',
        ];
        return [row];
      }),
    );
    lines.push('', table(['VIA', 'PRIORITY', 'QUEUED', 'OLDEST', 'UNDER WAY'], rows));
  }
  return lines.join('\n');
}
