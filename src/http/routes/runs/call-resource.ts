/** Calls as the API shows them: secrets are their names, and stand where they are filled in. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { shownCallText } from '../../../domain/work/call-text.ts';
import type { HttpWork } from '../../../domain/work/http.ts';
import type * as detail from '../../../protocol/rest/run-detail.ts';

export function callResource(work: HttpWork): z.infer<typeof detail.HttpCall> {
  const { method, url, headers, body, redirects, tls, extract } = work;
  return {
    method,
    url: shownCallText(url),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, shownCallText(text)])),
    ...given({ body: body && shownCallText(body.text) }),
    redirects,
    ...given({
      tls: tls && given({ ca: tls.authorities, serverName: tls.serverName, insecure: tls.isUnproved }),
    }),
    extract: { ...extract },
  };
}
