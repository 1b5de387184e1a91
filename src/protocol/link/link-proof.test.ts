import { expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../link/codec.ts';
import { limits } from '../../base/limits.ts';
import { newId } from '../../base/ids.ts';
import { decodeLinkProof, type LinkProof } from './link-proof.ts';
import { encodeBody } from './session.ts';
import { SERVER_FRAMES } from './worker-frames.ts';

const proof: LinkProof = {
  agentId: newId(),
  hostId: newId(),
  workerId: newId(),
  instance: newId(),
  after: newId(),
  start: Number.MAX_SAFE_INTEGER,
  link: 1,
  nonce: Buffer.alloc(limits.linkNonceBytesMax, 1),
};

it('takes a proof at its largest, and what servers answer from it is a frame to every worker', () => {
  const read = decodeLinkProof(encodeBody(proof))!;
  expect({ ...read, nonce: Buffer.from(read.nonce) }).toEqual(proof);
  const { agentId, hostId, instance, nonce } = read;
  const mac = Buffer.alloc(32);
  const time = { t: 'time', hostId, agentId, server: newId(), nonce, serverMs: 1, mac };
  const refused = { t: 'refused', hostId, agentId, instance, code: 'agent-copied', detail: 'a' };
  for (const frame of [time, refused])
    expect(decodeFrame(encodeFrame(frame), SERVER_FRAMES)).toMatchObject({ t: frame.t });
});

it.each<[string, object]>([
  ['a nonce that no frame holds', { nonce: Buffer.alloc(limits.linkNonceBytesMax + 1) }],
  ['a nonce of text', { nonce: 'a' }],
  ['a NUL in its instance', { instance: `${newId().slice(0, 35)}\0` }],
  ['half of a surrogate pair in what it follows', { after: `${newId().slice(0, 35)}\uD800` }],
  ['a long instance', { instance: 'a'.repeat(500) }],
  ['an empty instance', { instance: '' }],
  ['a worker that is no id', { workerId: 'dmz' }],
  ['a count of nothing', { start: 0 }],
  ['a count beyond all counts', { link: 2 ** 53 }],
  ['a list in place of an id', { hostId: [proof.hostId] }],
  ['more within it', { after: { a: { b: 1 } } }],
])('takes none with %s', (_what, field) => {
  expect(decodeLinkProof(encodeBody({ ...proof, ...field }))).toBeUndefined();
});

it('takes none with an extension in it, or with anything behind it', () => {
  // A date becomes an extension of MessagePack.
  expect(decodeLinkProof(encodeBody({ ...proof, more: new Date(0) }))).toBeUndefined();
  expect(decodeLinkProof(Buffer.concat([encodeBody(proof), Buffer.alloc(1)]))).toBeUndefined();
});
