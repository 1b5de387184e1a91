-- A worker that is cut off for good: no link, no renewal, no credentials, on any server.
ALTER TABLE worker ADD COLUMN revoked_at_ms bigint;
