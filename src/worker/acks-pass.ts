/** Acknowledgements on their way from a server to those who reported: to each in one frame, as a rule of one attempt. */
import type { NamedExecutor } from '../domain/run/executor.ts';
import { FrameTemplate } from '../link/frame-template.ts';
import type { ServerAck } from '../protocol/link/worker-v1.ts';
import type { LinkedExecutor } from './start-dispatch.ts';

type Ack = { a: string; mac?: Uint8Array };

const ONE = new FrameTemplate({ t: 'ack' }, ['a', 'mac'], 'acks');

/** Those who are not here (any more) are left out: they report again. */
export function acksPass(
  attempts: ServerAck['attempts'],
  find: (executor: NamedExecutor) => LinkedExecutor | undefined,
): void {
  const byExecutor = new Map<LinkedExecutor, Ack[]>();
  for (const { a, executor, mac } of attempts) {
    const linked = find(executor);
    if (!linked) continue;
    const ack: Ack = mac ? { a, mac } : { a };
    const acks = byExecutor.get(linked);
    if (acks) acks.push(ack);
    else byExecutor.set(linked, [ack]);
  }
  for (const [linked, acks] of byExecutor) {
    const [{ a, mac }] = acks as [Ack];
    if (linked.lane === 'agent' && acks.length === 1 && mac) linked.link.sendEncoded(ONE.encode(a, mac));
    else linked.link.send({ t: 'ack', acks });
  }
}
