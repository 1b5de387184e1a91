import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { silentLog } from './log.ts';
import { createListener } from './node-listener.ts';

// 192.0.2.0/24 is of documents, and of no machine; `.invalid` is of no name.
it.each([
  ['192.0.2.9', /^192\.0\.2\.9:7400 cannot be listened on: this machine has no such address\./],
  ['no-such-host.invalid', /^no-such-host\.invalid:7400 cannot be listened on: the name no-such-host\.invalid is not/],
])('says of %s why nobody can listen there', async (host, detail) => {
  const listener = createListener({ clock: systemClock, log: silentLog, onConnection: () => undefined });
  await expect(listener.listen(host, 7_400)).rejects.toMatchObject({
    code: 'bad-input',
    detail: expect.stringMatching(detail) as string,
  });
});
