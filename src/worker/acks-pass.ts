/** Acknowledgements on their way from a server to those who reported: to each in one frame, as a rule of one attempt. */
import type { NamedExecutor } from '../domain/run/executor.ts';
import { FrameTemplate } from '../link/frame-template.ts';
import type { ServerAck } from '../protocol/link/worker-v1.ts';
import type { AgentLink } from './output-relay.ts';

type Ack = { a: string; mac?: Uint8Array };

const ONE = new FrameTemplate({ t: 'ack' }, ['a', 'mac'], 'acks');

/** Those whose link is gone are left out: they report again. */
export function acksPass(
  attempts: ServerAck['attempts'],
  linkOf: (executor: NamedExecutor) => AgentLink | undefined,
): void {
  const byLink = new Map<AgentLink, Ack[]>();
  for (const { a, executor, mac } of attempts) {
    const link = linkOf(executor);
    if (!link) continue;
    const ack: Ack = { a, ...(mac ? { mac } : {}) };
    const acks = byLink.get(link);
    if (acks) acks.push(ack);
    else byLink.set(link, [ack]);
  }
  for (const [link, acks] of byLink) {
    const [{ a, mac }] = acks as [Ack];
    if (acks.length === 1 && mac) link.sendEncoded(ONE.encode(a, mac));
    else link.send({ t: 'ack', acks });
  }
}
