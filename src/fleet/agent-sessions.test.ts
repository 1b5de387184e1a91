import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { newId, type AgentId, type HostId, type WorkerId } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import { signUnderKey } from '../pki/dispatch.ts';
import { createMasterKey } from '../pki/sealer.ts';
import { encodeBody, linkMessage, type Sealed } from '../protocol/link/session.ts';
import type { AgentShown } from '../store/contract/agent.ts';
import { AgentSessions } from './agent-sessions.ts';

const workerId = newId<'worker'>() as WorkerId;
const masterKey = createMasterKey(Buffer.alloc(32, 7));

interface Linking {
  readonly agentId: AgentId;
  readonly hostId: HostId;
  readonly proof: Sealed;
}

function linking({ agentId = newId<'agent'>(), hostId = newId<'host'>(), start = 1 } = {}): Linking {
  const body = encodeBody({
    agentId,
    hostId,
    workerId,
    instance: newId(),
    start,
    link: 1,
    nonce: Buffer.alloc(16),
  });
  return {
    agentId,
    hostId,
    proof: { body, mac: signUnderKey(masterKey.dispatchKey(agentId), linkMessage(agentId, body)) },
  };
}

it('lets in those who link together with one whose link cannot be stored', async () => {
  const agents = Array.from({ length: 20 }, linking);
  const odd = agents[13]!.agentId;
  const asked: number[] = [];
  const [admitted, refused]: [AgentId[], object[]] = [[], []];
  const sessions = new AgentSessions({
    serverId: newId(),
    masterKey,
    clock: systemClock,
    log: silentLog,
    store: {
      async agentInstancesShow(shown: readonly AgentShown[]) {
        asked.push(shown.length);
        if (shown.some(({ agentId }) => agentId === odd))
          throw Object.assign(new Error('unsupported Unicode escape sequence'), { code: '22P05' });
        return shown.map(() => 'admitted');
      },
    },
    admitted: ({ agentId }) => void admitted.push(agentId),
    refused: (_workerId, refusal) => void refused.push(refusal),
  });
  await Promise.all(agents.map((agent) => sessions.show(workerId, agent)));
  expect(admitted).toEqual(agents.map(({ agentId }) => agentId).filter((agentId) => agentId !== odd));
  expect(refused).toEqual([expect.objectContaining({ agentId: odd, code: 'frame-invalid' })]);
  const questions = asked.length;
  // It is not asked again with the next that links.
  await sessions.show(workerId, linking());
  expect(asked.slice(questions)).toEqual([1]);
  sessions.stop();
});

it('does not take the newest link of an agent for over when an older one of it is told late', async () => {
  const first = linking({ start: 4 });
  const asked: (readonly number[])[] = [];
  const admitted: number[] = [];
  const sessions = new AgentSessions({
    serverId: newId(),
    masterKey,
    clock: systemClock,
    log: silentLog,
    store: {
      async agentInstancesShow(shown: readonly AgentShown[]) {
        asked.push(shown.map(({ instance }) => instance.start));
        return shown.map(({ instance }) => (instance.start === 4 ? 'admitted' : 'stale'));
      },
    },
    admitted: ({ start }) => void admitted.push(start),
    refused: () => undefined,
  });
  // What an agent of three starts before had shown was held back, and so often as anybody likes.
  const late = [2, 3, 2].map((start) => linking({ ...first, start }));
  await Promise.all([first, ...late].map((link) => sessions.show(workerId, link)));
  expect([asked, admitted]).toEqual([[[4, 2]], [4]]);
  expect(sessions.of(first.agentId)?.start).toBe(4);
  sessions.stop();
});
