/**
 * `GET /agent-install.sh`: the installer of the agent. `GET /agent-packages/{file}`: the compressed executables, whole
 * or from an offset, for agents that upgrade and for hosts that are installed. Without a token: what is fetched is no
 * secret and is believed by its signature alone. So many requests a second of an address, and so many at once (an agent
 * that proves its certificate counts for itself), who read at the least pace; the others are told to come back.
 */
import { createReadStream, type ReadStream } from 'node:fs';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AgentPackages } from '../../../app/agent-packages.ts';
import { installProgram } from '../../../agent-install/install-program.ts';
import { DroverError } from '../../../base/errors.ts';
import type { DownloadPlaces } from '../../download-places.ts';
import type { HeldFor } from '../../held-for.ts';
import type { PeerAgents } from '../../peer-agents.ts';

export interface PackageRouteOptions {
  readonly packages: AgentPackages;
  readonly places: DownloadPlaces;
  readonly held: HeldFor;
  readonly agents: PeerAgents;
  /** Throws when whoever it is asks too often: an address, or an agent. */
  readonly onRequest: (peer: string) => void;
}

export function addPackageRoute(app: FastifyInstance, options: PackageRouteOptions): void {
  const { packages, places, held, agents } = options;
  const installer = installProgram();
  const onRequest = async ({ ip, raw }: FastifyRequest): Promise<void> => {
    const agentId = agents.of(raw);
    options.onRequest(agentId === undefined ? ip : `agent ${agentId}`);
    agents.letIn(raw);
  };
  app.get('/agent-install.sh', { onRequest }, (_request, reply) => reply.type('text/x-shellscript').send(installer));
  // A question for the head alone would read the whole file and throw it away.
  const forFiles = { onRequest, exposeHeadRoute: false };
  app.get<{ Params: { file: string } }>('/agent-packages/:file', forFiles, async (request, reply) => {
    const found = packages.file(request.params.file);
    if (!found)
      throw new DroverError('package-not-found', {
        detail: `The server has no package ${request.params.file.slice(0, 100)}.`,
      });
    const { path, entry } = found;
    const from = offsetOf(request.headers.range, entry.fileSize);
    if (from === undefined) return reply.status(416).header('content-range', `bytes */${entry.fileSize}`).send();
    let stream: ReadStream | undefined;
    const { socket } = request.raw;
    // Cut as a connection: an answer that ends early looks like a whole one to nobody.
    const leave = places.take(
      { address: request.ip, agentId: agents.of(request.raw) },
      { taken: () => stream?.bytesRead ?? 0, cut: () => socket.destroy() },
    );
    stream = createReadStream(path, { start: from });
    stream.once('close', leave);
    // A reader that is gone leaves the stream open otherwise.
    held.add(request.raw, reply.raw, () => stream.destroy());
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
