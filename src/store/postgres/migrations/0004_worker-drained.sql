-- A worker that takes no new work; it and its servers learn of it by the fleet's hint.
ALTER TABLE worker ADD COLUMN drained boolean NOT NULL DEFAULT false;
