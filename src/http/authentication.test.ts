import type { FastifyRequest } from 'fastify';
import { expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.ts';
import { limits } from '../base/limits.ts';
import { newId, type TokenId } from '../base/ids.ts';
import { hashSecret } from '../pki/join-token.ts';
import type { ApiToken } from '../store/contract/api-token.ts';
import { Admission, requestAdmission } from './admission.ts';
import { Authentication } from './authentication.ts';

const id = newId<'token'>() as TokenId;
const GOOD = 'drt_good';
const good = { id, name: 'good', role: 'viewer', expiresAtMs: Number.MAX_SAFE_INTEGER } as ApiToken;

/** One question of the database at a time; each is answered by hand. */
function play(mayAsk: () => boolean = () => true) {
  const clock = new HandClock();
  const asked: { readonly text: string; readonly answer: () => void }[] = [];
  const texts = new Map<string, string>();
  const authentication = new Authentication(
    {
      apiTokenFetch: (hash) =>
        new Promise((resolve) => {
          const text = texts.get(Buffer.from(hash).toString('hex'))!;
          asked.push({ text, answer: () => resolve(text === GOOD ? good : undefined) });
        }),
      apiTokenRevokedOf: async () => [],
    },
    clock,
    new Admission(clock, { ...requestAdmission, atOnceMax: 1 }),
    mayAsk,
  );
  const ask = (text: string, socket = { destroyed: false }): Promise<string> => {
    texts.set(hashSecret(text).toString('hex'), text);
    const request = { headers: { authorization: `Bearer ${text}` }, ip: '10.0.0.1', id: 'r', raw: { socket } };
    return authentication.authenticate(request as unknown as FastifyRequest).then(
      (caller) => caller.actor.name,
      (error: { code: string }) => error.code,
    );
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Until nobody is asked any more. */
  async function answerAll(): Promise<void> {
    for (let n = 0; n < asked.length; n++) {
      asked[n]!.answer();
      await turn();
    }
  }
  return { clock, asked, ask, turn, answerAll };
}

it('has a token that was good wait behind none of those that strangers make up at its address', async () => {
  const { clock, asked, ask, turn, answerAll } = play();
  const first = ask(GOOD);
  await turn();
  await answerAll();
  expect(await first).toBe('good');
  clock.advance(60_000);
  const strangers = Array.from({ length: 100 }, (_, i) => ask(`drt_${i}`));
  const again = ask(GOOD);
  await turn();
  await answerAll();
  expect(await again).toBe('good');
  expect(asked.slice(1).findIndex(({ text }) => text === GOOD)).toBeLessThanOrEqual(2);
  // Of the strangers no more are looked up than may be under way; the others cost the database nothing.
  const answers = await Promise.all(strangers);
  expect(answers.filter((code) => code === 'unauthenticated')).toHaveLength(limits.unknownTokensPerAddressMax);
  expect(answers.filter((code) => code === 'too-many-requests')).toHaveLength(100 - limits.unknownTokensPerAddressMax);
  expect(asked).toHaveLength(2 + limits.unknownTokensPerAddressMax);
});

it('asks nothing for an address that has used up its rate, nor for whoever is gone', async () => {
  const refused = play(() => false);
  expect(await refused.ask('drt_1')).toBe('too-many-requests');
  expect(refused.asked).toEqual([]);
  const { asked, ask, turn, answerAll } = play();
  const before = ask('drt_before');
  const socket = { destroyed: false };
  const gone = ask('drt_gone', socket);
  // Two ask with one token, and one of them stays.
  const shared = [ask('drt_shared', socket), ask('drt_shared')];
  socket.destroyed = true;
  await turn();
  await answerAll();
  expect(await Promise.all([before, gone, ...shared])).toEqual([
    'unauthenticated',
    'overloaded',
    'unauthenticated',
    'unauthenticated',
  ]);
  expect(asked.map(({ text }) => text)).toEqual(['drt_before', 'drt_shared']);
});
