import { expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import { asWhom, type Worker } from './as-whom.ts';

const account = (loginUser: string, become?: string): Worker => ({
  kind: 'account',
  name: 'ops',
  loginUser,
  become: become === undefined ? { kind: 'direct' } : { kind: 'sudo', user: become },
});
const agent = (user?: string, os = 'linux'): Worker =>
  user === undefined ? { kind: 'agent' } : { kind: 'agent', user, os };

it.each<[string, Worker, string | undefined, string | undefined]>([
  ['as its own user', agent('nobody'), undefined, 'nobody'],
  ['as its own user, by name', agent('nobody'), 'nobody', 'nobody'],
  ['as anybody, by an agent of root', agent('root'), 'daemon', 'daemon'],
  ['as was asked, by an agent that has not told who it is', agent(), 'daemon', 'daemon'],
  ['as nobody knows whom', agent(), undefined, undefined],
  ['as who logs in', account('deploy'), undefined, 'deploy'],
  ['as who logs in, by name', account('deploy'), 'deploy', 'deploy'],
  ['as anybody, where root logs in', account('root'), 'daemon', 'daemon'],
  ['as whom the account becomes', account('deploy', 'postgres'), undefined, 'postgres'],
  ['as whom the account becomes, by name', account('deploy', 'postgres'), 'postgres', 'postgres'],
])('works %s', (_how, worker, asked, user) => {
  expect(asWhom('h', worker, asked)).toEqual({ kind: 'user', ...given({ user }) });
});

it.each<[string, Worker, string, RegExp]>([
  [
    'an agent that is not root',
    agent('nobody'),
    'root',
    /agent of h runs as nobody.*become root.*run the agent as root\.$/,
  ],
  ['an agent on Windows', agent('root', 'win32'), 'daemon', /On Windows .*on h that is root/],
  ['who logs in and is not root', account('deploy'), 'root', /logs in to h as deploy.*become root/],
  ['an account that becomes another', account('root', 'postgres'), 'root', /becomes postgres on h, not root/],
])('is refused where %s is asked for somebody else', (_who, worker, asked, words) => {
  expect(asWhom('h', worker, asked)).toMatchObject({
    kind: 'refused',
    code: 'user-not-permitted',
    detail: expect.stringMatching(words) as string,
  });
});
