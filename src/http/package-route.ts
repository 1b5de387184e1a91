/**
 * `GET /agent-install.sh`: the installer of the agent. `GET /agent-packages/{file}`: the compressed executables, whole or from an offset, for agents that upgrade and for hosts that are installed. Without
 * a token: what is fetched is no secret and is believed by its signature alone. So many at once; the others are told to come back.
 */
import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { AgentPackages } from '../app/agent-packages.ts';
import { installProgram } from '../agent-install/install-program.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

const RETRY_AFTER_S = 10;

export function addPackageRoute(app: FastifyInstance, packages: AgentPackages): void {
  const installer = installProgram();
  app.get('/agent-install.sh', (_request, reply) => reply.type('text/x-shellscript').send(installer));
  let downloads = 0;
  app.get<{ Params: { file: string } }>('/agent-packages/:file', async (request, reply) => {
    const found = packages.file(request.params.file);
    if (!found)
      throw new DroverError('package-not-found', {
        detail: `The server has no package ${request.params.file.slice(0, 100)}.`,
      });
    if (downloads >= limits.packageDownloadsMax)
      throw new DroverError('too-many-requests', {
        detail: 'Many hosts fetch packages at once; come back in a moment.',
        retryAfterS: RETRY_AFTER_S,
      });
    const { path, entry } = found;
    const from = offsetOf(request.headers.range, entry.fileSize);
    if (from === undefined) return reply.status(416).header('content-range', `bytes */${entry.fileSize}`).send();
    const stream = createReadStream(path, { start: from });
    downloads++;
    stream.once('close', () => downloads--);
    // A reader that is gone leaves the stream open otherwise.
    reply.raw.once('close', () => stream.destroy());
    void reply
      .status(from > 0 ? 206 : 200)
      .type('application/gzip')
      .header('accept-ranges', 'bytes')
      .header('etag', `"${entry.fileSha256}"`)
      .header('content-length', String(entry.fileSize - from));
    if (from > 0) void reply.header('content-range', `bytes ${from}-${entry.fileSize - 1}/${entry.fileSize}`);
    return reply.send(stream);
  });
}

/** Only "from here to the end" is a range here; anything else gets the whole. Undefined when there is nothing left. */
function offsetOf(range: string | undefined, size: number): number | undefined {
  const match = /^bytes=(\d{1,15})-$/.exec(range ?? '');
  const from = match ? Number(match[1]) : 0;
  return from < size ? from : undefined;
}
