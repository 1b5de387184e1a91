-- Instants are milliseconds since the epoch (bigint): what the program computes with, and 8 bytes either way.
-- Tables of runs are range-partitioned by run id: ids are UUID v7, so a range of ids is a day. Days are dropped, not deleted.

CREATE TABLE server (
  id uuid PRIMARY KEY, url text NOT NULL, version text NOT NULL, started_at_ms bigint NOT NULL
);
-- Renewed every second: narrow, and never in an index beyond its key.
CREATE TABLE server_lease (
  server_id uuid PRIMARY KEY REFERENCES server ON DELETE CASCADE, expires_at_ms bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE partition (
  id int PRIMARY KEY, owner uuid, term bigint NOT NULL DEFAULT 0
);
INSERT INTO partition (id) SELECT generate_series(0, 255);

CREATE TABLE host (
  id uuid PRIMARY KEY, name text NOT NULL, machine_id text NOT NULL DEFAULT '', labels jsonb NOT NULL DEFAULT '{}', facts jsonb NOT NULL DEFAULT '{}',
  agent_id uuid, created_at_ms bigint NOT NULL, removed_at_ms bigint,
  -- The host that it looks like, until somebody has decided: it gets no work.
  twin_of uuid REFERENCES host
);
CREATE UNIQUE INDEX host_name ON host (name) WHERE removed_at_ms IS NULL;
CREATE INDEX host_machine ON host (machine_id) WHERE removed_at_ms IS NULL;
CREATE INDEX host_twin ON host (twin_of) WHERE twin_of IS NOT NULL;
CREATE TABLE host_presence (
  host_id uuid PRIMARY KEY, agent_id uuid NOT NULL, worker_id uuid, linked boolean NOT NULL, changed_at_ms bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE agent (
  id uuid PRIMARY KEY, host_id uuid NOT NULL REFERENCES host, state text NOT NULL CHECK (state IN ('active', 'revoked', 'replaced')),
  version text, public_key bytea NOT NULL, joined_at_ms bigint NOT NULL, certificate_expires_at_ms bigint NOT NULL
);
CREATE INDEX agent_host ON agent (host_id);
CREATE TABLE worker (
  id uuid PRIMARY KEY, name text NOT NULL, zone text NOT NULL, agent_address text NOT NULL DEFAULT '', version text,
  public_key bytea NOT NULL, joined_at_ms bigint NOT NULL, linked boolean NOT NULL DEFAULT false
);
CREATE TABLE join_token (
  id uuid PRIMARY KEY, hash bytea NOT NULL UNIQUE, role text NOT NULL CHECK (role IN ('agent', 'worker')), labels jsonb NOT NULL, zone text NOT NULL,
  uses_left int NOT NULL CHECK (uses_left >= 0), created_at_ms bigint NOT NULL, expires_at_ms bigint NOT NULL, created_by jsonb NOT NULL
);
CREATE TABLE api_token (
  id uuid PRIMARY KEY, hash bytea NOT NULL UNIQUE, name text NOT NULL, role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  created_at_ms bigint NOT NULL, expires_at_ms bigint NOT NULL, revoked_at_ms bigint
);
-- A name means one token: it stands in the audit trail, and in place of the id.
CREATE UNIQUE INDEX api_token_name ON api_token (name) WHERE revoked_at_ms IS NULL;
CREATE TABLE secret (name text PRIMARY KEY, sealed bytea NOT NULL);
CREATE TABLE setting (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO setting VALUES ('host-directory', 1);

CREATE TABLE run (
  id uuid PRIMARY KEY, partition int NOT NULL, name text NOT NULL, reason text NOT NULL, created_by jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('created', 'waiting', 'running', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')),
  round int NOT NULL DEFAULT 1 CHECK (round >= 1), target_expression text NOT NULL, host_count int NOT NULL, counts jsonb NOT NULL,
  created_at_ms bigint NOT NULL, round_started_at_ms bigint NOT NULL, started_at_ms bigint, finished_at_ms bigint, earlier_rounds_ms bigint NOT NULL DEFAULT 0,
  cancel_requested_at_ms bigint, cancel_requested_by text, seq bigint NOT NULL DEFAULT 1,
  CHECK ((finished_at_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')))
) PARTITION BY RANGE (id);
-- The one task of an ad-hoc run is task 0; its state is the run's.
CREATE TABLE task (
  run_id uuid NOT NULL, task int NOT NULL, spec bytea NOT NULL, sealed_secrets bytea, PRIMARY KEY (run_id, task)
) PARTITION BY RANGE (run_id);
ALTER TABLE task ALTER spec SET STORAGE EXTERNAL;

-- No index but the key: every state change stays a heap-only update.
CREATE TABLE execution (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, host_id uuid NOT NULL, host_name text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'dispatched', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'not_started', 'lost')),
  attempt int NOT NULL DEFAULT 1 CHECK (attempt >= 1), round int NOT NULL DEFAULT 1, failures_in_round int NOT NULL DEFAULT 0,
  -- Who has the attempt, which start of it where it is an agent, and by whose link the order went.
  executor_kind text CHECK (executor_kind IN ('agent', 'worker')), executor_id uuid, engine text CHECK (engine IN ('ssh')), instance uuid, worker_id uuid,
  dispatched_at_ms bigint, started_at_ms bigint, finished_at_ms bigint,
  exit_code int, signal text, reason text, detail text, settled_late boolean NOT NULL DEFAULT false, seq bigint NOT NULL DEFAULT 1,
  out_size bigint NOT NULL DEFAULT 0, out_head int NOT NULL DEFAULT 0, out_tail int NOT NULL DEFAULT 0, out_digest bytea,
  err_size bigint NOT NULL DEFAULT 0, err_head int NOT NULL DEFAULT 0, err_tail int NOT NULL DEFAULT 0, err_digest bytea,
  PRIMARY KEY (run_id, task, ordinal),
  CHECK ((finished_at_ms IS NOT NULL) = (state NOT IN ('waiting', 'dispatched', 'running'))),
  CHECK ((executor_kind IS NULL) = (executor_id IS NULL)),
  CHECK ((engine IS NOT NULL) = (executor_kind IS NOT DISTINCT FROM 'worker')),
  CHECK (instance IS NULL OR executor_kind = 'agent'),
  CHECK (exit_code IS NULL OR signal IS NULL),
  CHECK (state <> 'succeeded' OR exit_code IS NOT NULL),
  CHECK (state <> 'not_started' OR started_at_ms IS NULL)
) PARTITION BY RANGE (run_id);
CREATE TABLE execution_history (LIKE execution INCLUDING DEFAULTS, PRIMARY KEY (run_id, task, ordinal, attempt)) PARTITION BY RANGE (run_id);

-- Small outputs once per run and content; folding is a GROUP BY on digests.
CREATE TABLE output_blob (
  run_id uuid NOT NULL, digest bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (run_id, digest)
) PARTITION BY RANGE (run_id);
CREATE TABLE output_chunk (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, attempt int NOT NULL, stream int NOT NULL CHECK (stream IN (1, 2)), seq int NOT NULL,
  bytes bytea NOT NULL, PRIMARY KEY (run_id, task, ordinal, attempt, stream, seq)
) PARTITION BY RANGE (run_id);
ALTER TABLE output_blob ALTER bytes SET STORAGE EXTERNAL;
ALTER TABLE output_chunk ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE run_event (
  run_id uuid NOT NULL, seq bigint NOT NULL, kind text NOT NULL, at_ms bigint NOT NULL, detail jsonb NOT NULL, PRIMARY KEY (run_id, seq, kind)
) PARTITION BY RANGE (run_id);

-- Runs that are not over, and what was asked of each: written with the asking, and compared by the run's owner with what it does.
-- Small, so that owners can read it every few seconds; no hint is needed to find what is here.
CREATE TABLE run_active (
  run_id uuid PRIMARY KEY, partition int NOT NULL, round int NOT NULL DEFAULT 1, cancel_requested boolean NOT NULL DEFAULT false
);
CREATE INDEX run_active_partition ON run_active (partition, run_id);

-- Append-only, chained by hash; the head row serialises writers.
CREATE TABLE audit (
  seq bigint PRIMARY KEY, at_ms bigint NOT NULL, actor jsonb NOT NULL, action text NOT NULL, target text NOT NULL, detail jsonb NOT NULL,
  request_id text, previous_hash bytea NOT NULL, hash bytea NOT NULL
);
CREATE TABLE audit_head (one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash bytea NOT NULL);
INSERT INTO audit_head VALUES (true, 0, '\x0000000000000000000000000000000000000000000000000000000000000000');
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE TABLE idempotency (
  principal text NOT NULL, key text NOT NULL, request_hash bytea NOT NULL, created_at_ms bigint NOT NULL, status int, body text, PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at_ms);
