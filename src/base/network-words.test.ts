import { expect, it } from 'vitest';
import { networkWords } from './network-words.ts';

it.each([
  [{ code: 'ECONNREFUSED', port: 7999 }, 'nothing listens on port 7999'],
  [{ code: 'ECONNREFUSED', errors: [{ code: 'ECONNREFUSED', port: 7400 }] }, 'nothing listens on port 7400'],
  [{ code: 'ENOTFOUND', hostname: 'nosuch.example' }, 'the name nosuch.example is not known'],
  [{ code: 'EAI_AGAIN', hostname: 'a.example' }, 'the name a.example could not be looked up: no name server answers'],
  [{ code: 'EHOSTUNREACH' }, 'no way leads there from this machine'],
  [{ code: 'UND_ERR_CONNECT_TIMEOUT' }, 'there was no answer in time'],
  [{ code: 'ECONNRESET' }, 'the connection was cut'],
  [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, undefined],
  [undefined, undefined],
])('of %j says %j', (cause, words) => expect(networkWords(cause)).toBe(words));
