/** `drover runs why`: what keeps hosts and tasks without hosts waiting, and by what the workers of others were chosen. */
import { dataOf } from '@drover/sdk';
import { answer, type AnswerFlags } from '../command.ts';
import { openSession } from '../servers/session.ts';
import { foldNames } from '../../domain/target/fold-names.ts';
import { plainText } from '../text-width.ts';
import { runIdOf } from './run-id.ts';

/** Of a step that is done for several the same is told of each: once, with how often. */
function countedLines(lines: readonly string[]): string[] {
  return [...Map.groupBy(lines, (line) => line)].map(([line, { length }]) =>
    length === 1 ? line : `${line} (${length} times)`,
  );
}

export async function why(id: string, flags: AnswerFlags): Promise<void> {
  const session = openSession();
  const runId = await runIdOf(session, id);
  const told = dataOf(await session.client.GET('/api/v1/runs/{runId}/why', { params: { path: { runId } } }));
  const workers = await session.client.GET('/api/v1/workers').then(dataOf, () => ({ items: [] }));
  const nameOf = (worker: string): string => workers.items.find((one) => one.id === worker)?.name ?? worker;
  const stepOf = ({ step }: { readonly step?: string }): string => (step === undefined ? '' : `${step}: `);
  const text = (): string => {
    const alike = Map.groupBy(told.hosts, (one) => `${stepOf(one)}\0${one.why}`);
    const lines = [
      ...[...alike.values()].map((hosts) => {
        const names = foldNames(hosts.map(({ host }) => host));
        return `${stepOf(hosts[0]!)}${names} waits: ${hosts[0]!.why}`;
      }),
      ...told.waiting.map((one) => `${stepOf(one)}waits; would take it now: ${one.why}`),
      ...told.chosen.map((one) => {
        const scores = Object.entries(one.scores ?? {}).map(([name, score]) => `${name} ${score}`);
        const by =
          scores.length === 0 ? 'the only one that fitted' : `of ${one.considered} that fitted: ${scores.join(', ')}`;
        return `${stepOf(one)}went to ${nameOf(one.worker)}, ${by}`;
      }),
    ];
    if (lines.length === 0)
      return `Nothing of it waits, and no worker was chosen for it. How it stands on each host, and why: drover runs show ${runId}`;
    return countedLines(lines.map(plainText)).join('\n');
  };
  await answer(flags, told, text, () => runId);
}
