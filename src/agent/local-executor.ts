/**
 * The agent's half of the conversation, inside the worker: over SSH the worker carries attempts out itself, and speaks with its own
 * driver in the very words it speaks with agents. What is proved of agents (reports until acknowledged, chunks, queries) holds here.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Link, LinkDialer } from '../link/link.ts';
import { createMemoryLinks } from '../link/memory-link.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import { AgentService } from './agent.ts';
import { SameProcess } from './session.ts';

export interface LocalExecutorOptions {
  readonly workerId: string;
  readonly driver: Driver;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
export interface LocalExecutor extends Service {
  readonly link: Link<AgentFrame, WorkerToAgentFrame>;
}

export function createLocalExecutor({
  workerId,
  driver,
  version,
  clock,
  random,
  log,
}: LocalExecutorOptions): LocalExecutor {
  const { near, far } = createMemoryLinks<AgentFrame, WorkerToAgentFrame>(
    clock,
    {
      ofNear: { role: 'worker', id: workerId, address: 'here' },
      ofFar: { role: 'agent', id: workerId, address: 'here' },
    },
    (error) => log.error({ err: error }, 'a frame of our own could not be carried out'),
  );
  const dialer: LinkDialer<WorkerToAgentFrame, AgentFrame> = {
    name: 'local-link',
    current: near,
    onLink: () => undefined,
    async start() {
      dialer.onLink(near);
    },
    async stop() {
      near.close('shutting-down');
    },
  };
  const service = new AgentService({
    agentId: workerId,
    hostId: workerId,
    version,
    bootId: '',
    trust: new SameProcess(),
    driver,
    dialer,
    clock,
    random,
    log,
    facts: () => ({ name: '', os: '' }),
    load: async () => undefined,
    onWorkers: () => undefined,
    onCertificate: () => undefined,
    onUnlinked: () => undefined,
    onUpgrade: () => undefined,
  });
  return { name: 'local-executor', link: far, start: () => service.start(), stop: () => service.stop() };
}
