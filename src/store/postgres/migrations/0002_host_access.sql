-- How a host is reached without an agent, and by which keys it is known. New columns have constant defaults: no rewrite, no long lock.
ALTER TABLE host
  ADD COLUMN address text,
  ADD COLUMN port int NOT NULL DEFAULT 22 CHECK (port BETWEEN 1 AND 65535),
  ADD COLUMN zone text NOT NULL DEFAULT 'default',
  ADD COLUMN jump_host_id uuid REFERENCES host CHECK (jump_host_id <> id),
  ADD COLUMN host_key_policy text NOT NULL DEFAULT 'first-use' CHECK (host_key_policy IN ('strict', 'first-use')),
  ADD COLUMN algorithms jsonb;
-- Without a foreign key: an account that is removed by force leaves its hosts refused, not silently on another.
ALTER TABLE host ADD COLUMN IF NOT EXISTS account_id uuid;
-- Hosts that have agents already are in the zone of the worker that holds them.
UPDATE host SET zone = worker.zone FROM host_presence p JOIN worker ON worker.id = p.worker_id WHERE p.host_id = host.id AND worker.zone <> host.zone;
CREATE INDEX host_jump_host ON host (jump_host_id) WHERE jump_host_id IS NOT NULL;
-- A token that is made for one host: its agent becomes that host's, whatever the machine calls itself.
ALTER TABLE join_token ADD COLUMN host_id uuid REFERENCES host;

-- `known` keys are believed; `offered` ones were shown by a host that is known by others, and wait for somebody to accept them.
CREATE TABLE host_key (
  host_id uuid NOT NULL REFERENCES host, id bytea NOT NULL CHECK (length(id) = 32), algorithm text NOT NULL, key bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('known', 'offered')), origin text NOT NULL CHECK (origin IN ('first-use', 'import', 'accepted', 'offered')),
  first_seen_at_ms bigint NOT NULL, changed_at_ms bigint NOT NULL, changed_by text NOT NULL,
  PRIMARY KEY (host_id, id)
);
-- The latest of each kind is enough to decide on, however many an impostor shows.
CREATE UNIQUE INDEX host_key_offered ON host_key (host_id, algorithm) WHERE state = 'offered';
-- Held by whoever changes ways to hosts, so that two changes together never close a circle; its value grows with each change.
INSERT INTO setting VALUES ('host-access', 1);
