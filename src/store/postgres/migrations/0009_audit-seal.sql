-- A deed writes its entry unchained, so that deeds do not wait for each other; a sealer gives the entries their numbers and chains them.
-- The mark is under a key that the database does not hold: an entry that is changed before it is sealed is found like one that is changed after.
CREATE TABLE audit_unsealed (
  id uuid PRIMARY KEY, at_ms bigint NOT NULL, actor jsonb NOT NULL, action text NOT NULL, target text NOT NULL, detail jsonb NOT NULL,
  request_id text, mark bytea NOT NULL
);
CREATE INDEX audit_unsealed_order ON audit_unsealed (at_ms, id);
DROP TABLE audit;
CREATE TABLE audit (
  seq bigint PRIMARY KEY, id uuid NOT NULL, at_ms bigint NOT NULL, actor jsonb NOT NULL, action text NOT NULL, target text NOT NULL, detail jsonb NOT NULL,
  request_id text, mark bytea NOT NULL, previous_hash bytea NOT NULL, hash bytea NOT NULL
);
UPDATE audit_head SET seq = 0, hash = decode(repeat('00', 32), 'hex');
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
