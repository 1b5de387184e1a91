-- What the agent of a lost attempt told after a newer attempt had been opened. The attempt stays lost, in the history; this is the truth beside it.
CREATE TABLE late_report (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, attempt int NOT NULL, received_at_ms bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'not_started')),
  started_at_ms bigint, finished_at_ms bigint NOT NULL, exit_code int, signal text, reason text, detail text,
  out_size bigint NOT NULL, out_head int NOT NULL, out_tail int NOT NULL, out_digest bytea,
  err_size bigint NOT NULL, err_head int NOT NULL, err_tail int NOT NULL, err_digest bytea,
  PRIMARY KEY (run_id, task, ordinal, attempt)
) PARTITION BY RANGE (run_id);
