/** Calls as the API shows them: secrets are their names, and stand where they are filled in. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { shownCallText } from '../../../domain/work/call-text.ts';
import type { HttpWork } from '../../../domain/work/http.ts';
import type { SqlWork } from '../../../domain/work/sql.ts';
import type { CallWork } from '../../../domain/work/work.ts';
import type * as detail from '../../../protocol/rest/run-detail.ts';

type HttpCall = z.infer<typeof detail.HttpCall>;
type SqlCall = z.infer<typeof detail.SqlCall>;

/** Under the name of its kind. */
export function callResources(work: CallWork): { http: HttpCall } | { sql: SqlCall } {
  return work.kind === 'http' ? { http: httpResource(work) } : { sql: sqlResource(work) };
}

function httpResource(work: HttpWork): HttpCall {
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

function sqlResource(work: SqlWork): SqlCall {
  const { url, password, statement, values, mode, rowsMax, tls, extract, extractAll } = work;
  return {
    url: shownCallText(url),
    ...given({ password: password && shownCallText(password) }),
    statement,
    values: values.map((value) => value && shownCallText(value.text)),
    mode,
    rowsMax,
    ...given({
      tls:
        tls &&
        given({
          ca: tls.authorities,
          serverName: tls.serverName,
          insecure: tls.isUnproved,
          inClear: tls.isInClear,
        }),
    }),
    extract: { ...extract },
    extractAll: { ...extractAll },
  };
}
