/**
 * What every server asks of the fleet by time: who may not link, who is drained, which servers live, and whether ways
 * to hosts have changed.
 */
import type { AgentId, ServerId } from '../../base/ids.ts';
import type { FleetLook, FleetLookStore } from '../contract/fleet-look.ts';
import { workerRecord, type WorkerRow } from './worker.ts';
import { DB_NOW_MS } from './lease/lease.ts';
import type { Executor } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function fleetLookStore({ ownPool, now }: StoreParts): FleetLookStore {
  return {
    fleetLook: () => fleetLook(ownPool, now()),
  };
}

/** One statement, for it is asked all day long. What was revoked and whose certificate has expired may not link anyway. */
const FLEET_LOOK = `SELECT
  (SELECT value FROM setting WHERE name = 'host-access') AS ways,
  (SELECT coalesce(json_agg(id), '[]') FROM agent WHERE state <> 'active' AND certificate_expires_at_ms > $1) AS revoked,
  (SELECT coalesce(json_agg(worker ORDER BY name, id), '[]') FROM worker) AS workers,
  (SELECT coalesce(json_agg(json_build_object('id', s.id, 'url', s.url) ORDER BY s.id), '[]')
     FROM server s JOIN server_lease l ON l.server_id = s.id WHERE l.expires_at_ms > ${DB_NOW_MS}) AS servers`;

export async function fleetLook(db: Executor, nowMs: number): Promise<FleetLook> {
  const { rows } = await db.query<{
    ways: number;
    revoked: AgentId[];
    workers: (Omit<WorkerRow, 'public_key'> & { public_key: string })[];
    servers: { id: ServerId; url: string }[];
  }>({ name: 'fleet-look', text: FLEET_LOOK, values: [nowMs] });
  const { ways, revoked, workers, servers } = rows[0]!;
  return {
    hostAccessVersion: ways,
    revoked,
    servers,
    // Bytes in JSON are PostgreSQL's own text form: \\x and hex.
    workers: workers.map((row) =>
      workerRecord({ ...row, public_key: Buffer.from(row.public_key.slice(2), 'hex') }, nowMs),
    ),
  };
}
