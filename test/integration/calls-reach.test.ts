/** Where calls go, over real sockets: nobody gets a worker to speak to what it was not told of, by any name or answer. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { NameLookups } from '../../src/base/node-names.ts';
import type { HttpWork } from '../../src/domain/work/http.ts';
import { createCallsLedger } from '../../src/engines/calls/calls-ledger.ts';
import { callRig, callSpec, httpWork, withCallRig, type CallRig } from '../support/call-rig.ts';
import { nobody } from '../support/listeners.ts';
import { newAttempt } from '../support/new-attempt.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const SECRET = 'correct horse battery';
let far: Receiver;
/** Another origin, on the same machine. */
let other: Receiver;
let rig: CallRig;
beforeAll(async () => {
  [far, other] = [await receiver(), await receiver()];
  rig = await callRig({ allow: '127.0.0.1' });
});
beforeEach(() => {
  for (const one of [far, other]) {
    one.received.length = 0;
    one.answer = (response) => void response.end('ok');
  }
});
afterAll(async () => {
  await rig.end();
  await Promise.all([far.end(), other.end()]);
});

/** A name service that answers so, one answer after the other; the last stays. */
function names(...answers: readonly (readonly string[])[]): Pick<NameLookups, 'lookup'> {
  let asked = 0;
  return {
    lookup(_name, _options, callback) {
      const found = answers[Math.min(++asked, answers.length) - 1]!;
      callback(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  };
}

describe('where a call goes', () => {
  it.each([
    '127.0.0.1',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '0.0.0.0',
    '[::]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[2002:7f00:1::]',
  ])('is not %s, with TLS or without, and then nothing was done', async (host) => {
    await withCallRig({}, async (own): Promise<void> => {
      for (const protocol of ['http', 'https']) {
        const report = await own.run(httpWork(`${protocol}://${host}:${far.port}/`));
        expect(report.outcome).toEqual({ kind: 'refused', reason: 'call-not-allowed' });
        expect(report.startedAtMs).toBeUndefined();
      }
      expect(far.received).toEqual([]);
    });
  });

  it('is not where a name leads that is public and private, and nobody is told where it leads', async () => {
    await withCallRig({ names: names(['10.20.30.40']) }, async (own) => {
      const report = await own.run(httpWork('https://inner.example/'));
      expect(report.outcome).toEqual({ kind: 'refused', reason: 'call-not-allowed' });
      expect(report.detail).not.toContain('10.20');
    });
  });

  it('is the very address that was looked up: a name that leads elsewhere a moment later leads nowhere', async () => {
    await withCallRig({ allow: '127.0.0.1', names: names(['127.0.0.1'], ['127.0.0.9']) }, async (own) => {
      expect((await own.run(httpWork(`http://rebinding.example:${far.port}/x`))).outcome).toEqual({
        kind: 'answered',
        status: 200,
      });
      expect(far.received[0]!.headers.host).toBe(`rebinding.example:${far.port}`);
      expect((await own.run(httpWork(`http://rebinding.example:${far.port}/y`))).outcome).toEqual({
        kind: 'refused',
        reason: 'call-not-allowed',
      });
      expect(far.received).toHaveLength(1);
    });
  });

  it.each(['http://169.254.169.254/latest/meta-data/', 'http://10.0.0.1/', 'http://[::1]/', 'http://2130706434/'])(
    'is not %s either where an answer sends it there',
    async (location) => {
      far.answer = (response) => void response.writeHead(302, { location }).end();
      const report = await rig.run(httpWork(`${far.url}/`));
      expect(report.outcome).toEqual({ kind: 'faulted', reason: 'call-not-allowed' });
      expect(report.startedAtMs).toBeDefined();
      expect(report.detail).not.toMatch(/169|10\.0/);
    },
  );

  it('is looked up again for each place that it is sent on to', async () => {
    const steps = names(['127.0.0.1'], ['10.0.0.1']);
    await withCallRig({ allow: '127.0.0.1', names: steps }, async (own) => {
      far.answer = (response) => void response.writeHead(307, { location: '/again' }).end();
      expect((await own.run(httpWork(`http://twice.example:${far.port}/`))).outcome).toEqual({
        kind: 'faulted',
        reason: 'call-not-allowed',
      });
      expect(far.received).toHaveLength(1);
    });
  });

  it.each([
    ['ftp://127.0.0.1/', 'another scheme'],
    ['file:///etc/passwd', 'a file'],
    ['gopher://x/', 'an old scheme'],
    ['https://user:secret@127.0.0.1/', 'a user and a password'],
  ])('is not by %s (%s), asked or sent on', async (location) => {
    far.answer = (response) => void response.writeHead(302, { location }).end('where?');
    const report = await rig.run(httpWork(`${far.url}/`));
    expect(report).toMatchObject({
      outcome: { kind: 'answered', status: 302 },
      detail: expect.stringContaining('did not follow'),
    });
    expect(report.detail).not.toMatch(/passwd|secret/);
    expect((await rig.run(httpWork(location))).outcome).toEqual({ kind: 'refused', reason: 'bad-input' });
  });

  it('is not in clear with a secret, unless the worker was told of the place', async () => {
    const { lookup } = names(['127.0.0.1']);
    const work = httpWork(`http://clear.example:${far.port}/`, { headers: { 'x-key': [{ secret: 'KEY' }] } });
    // The address may be spoken to, and nobody has named it: as with any public one.
    const reach = {
      allowed: { refusalOf: () => undefined, isNamed: () => false },
      lookup,
      clock: systemClock,
    };
    await withCallRig({}, async ({ dir }) => {
      const ledger = createCallsLedger({ dir: join(dir, 'open'), reach, clock: systemClock, log: silentLog });
      await ledger.start(nobody);
      const outcomeOf = async (of: HttpWork): Promise<unknown> => {
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, callSpec(of, { secrets: { KEY: SECRET } }), {});
        return (await until('its end', () => ledger.report(attempt))).outcome;
      };
      expect(await outcomeOf(work)).toEqual({ kind: 'refused', reason: 'call-not-allowed' });
      expect(far.received).toEqual([]);
      expect(await outcomeOf({ ...work, headers: {} })).toEqual({ kind: 'answered', status: 200 });
      await ledger.stop();
    });
    expect((await rig.run(httpWork(far.url, { headers: work.headers }), { secrets: { KEY: SECRET } })).outcome).toEqual(
      {
        kind: 'answered',
        status: 200,
      },
    );
  });
});
