-- A token that installs agents names the hosts that may join with it, once each; null for any host that is not known yet.
ALTER TABLE join_token ADD COLUMN host_names text[];

-- Upgrades of agents. Few and short-lived against runs: no partitions; maintenance deletes those that are past retention.
CREATE TABLE upgrade (
  id uuid PRIMARY KEY, version text NOT NULL, target_expression text NOT NULL, created_by jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'stopping', 'succeeded', 'failed', 'cancelled')),
  batch int NOT NULL CHECK (batch >= 1), max_failed int NOT NULL CHECK (max_failed >= 0), wait_ms bigint NOT NULL, host_count int NOT NULL,
  created_at_ms bigint NOT NULL, finished_at_ms bigint, cancel_requested_at_ms bigint,
  CHECK ((finished_at_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled')))
);
CREATE INDEX upgrade_active ON upgrade (id) WHERE finished_at_ms IS NULL;
CREATE TABLE agent_upgrade (
  upgrade_id uuid NOT NULL REFERENCES upgrade ON DELETE CASCADE, ordinal int NOT NULL, host_id uuid NOT NULL, host_name text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'ordered', 'succeeded', 'failed', 'rolled_back', 'unanswered', 'skipped')),
  from_version text, progress text, code text, detail text, ordered_at_ms bigint, finished_at_ms bigint,
  PRIMARY KEY (upgrade_id, ordinal),
  CHECK ((finished_at_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'rolled_back', 'unanswered', 'skipped')))
);
CREATE UNIQUE INDEX agent_upgrade_host ON agent_upgrade (upgrade_id, host_id);
-- A host is in one upgrade at a time, whichever servers they were asked of.
CREATE UNIQUE INDEX agent_upgrade_in_hand ON agent_upgrade (host_id) WHERE finished_at_ms IS NULL;
