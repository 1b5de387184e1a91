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
  -- In one form (NFC), so that equal names are equal bytes: src/domain/target/nameable.ts.
  id uuid PRIMARY KEY, name text NOT NULL CHECK (name IS NFC NORMALIZED AND octet_length(name) BETWEEN 1 AND 255),
  machine_id text NOT NULL DEFAULT '', labels jsonb NOT NULL DEFAULT '{}', facts jsonb NOT NULL DEFAULT '{}',
  agent_id uuid, created_at_ms bigint NOT NULL, removed_at_ms bigint,
  -- The host that it looks like, until somebody has decided: it gets no work.
  twin_of uuid REFERENCES host,
  -- How it is reached without an agent.
  address text, port int NOT NULL DEFAULT 22 CHECK (port BETWEEN 1 AND 65535), zone text NOT NULL DEFAULT 'default',
  jump_host_id uuid REFERENCES host CHECK (jump_host_id <> id),
  host_key_policy text NOT NULL DEFAULT 'first-use' CHECK (host_key_policy IN ('strict', 'first-use')), algorithms jsonb,
  -- The host's own account, if it has one. Without a foreign key: an account that is removed by force leaves its hosts refused, not silently on another.
  account_id uuid
);
CREATE UNIQUE INDEX host_name ON host (name) WHERE removed_at_ms IS NULL;
CREATE INDEX host_machine ON host (machine_id) WHERE removed_at_ms IS NULL;
CREATE INDEX host_twin ON host (twin_of) WHERE twin_of IS NOT NULL;
CREATE INDEX host_jump_host ON host (jump_host_id) WHERE jump_host_id IS NOT NULL;
CREATE TABLE host_presence (
  host_id uuid PRIMARY KEY, agent_id uuid NOT NULL, worker_id uuid, linked boolean NOT NULL, changed_at_ms bigint NOT NULL,
  -- A run has taken the agent off then, and it has not linked since.
  uninstalled_at_ms bigint
) WITH (fillfactor = 50);
-- How the last connection to a host over SSH went; code is null where it was reached.
CREATE TABLE host_contact (
  host_id uuid PRIMARY KEY, at_ms bigint NOT NULL, code text
) WITH (fillfactor = 50);
CREATE TABLE agent (
  id uuid PRIMARY KEY, host_id uuid NOT NULL REFERENCES host, state text NOT NULL CHECK (state IN ('active', 'revoked', 'replaced')),
  version text, public_key bytea NOT NULL, joined_at_ms bigint NOT NULL, certificate_expires_at_ms bigint NOT NULL,
  zone text NOT NULL DEFAULT 'default',
  -- Which start of it counts, and whether another shows itself beside it: the record of src/domain/agent/session-rule.ts.
  session jsonb
);
CREATE INDEX agent_host ON agent (host_id);
-- Every server asks every two seconds who may not link: few, among very many agents.
CREATE INDEX agent_cut_off ON agent (certificate_expires_at_ms) WHERE state <> 'active';
CREATE TABLE worker (
  id uuid PRIMARY KEY, name text NOT NULL, zone text NOT NULL, labels jsonb NOT NULL DEFAULT '{}', agent_address text NOT NULL DEFAULT '', version text,
  public_key bytea NOT NULL, joined_at_ms bigint NOT NULL, linked boolean NOT NULL DEFAULT false,
  -- Takes no new work; it and its servers learn of it by the fleet's hint.
  drained boolean NOT NULL DEFAULT false,
  -- Cut off for good: no link, no renewal, no credentials, on any server.
  revoked_at_ms bigint,
  -- Which start of it counts, and by which servers it is held: the record of src/domain/fleet/worker-start.ts.
  starts jsonb
);
CREATE TABLE join_token (
  -- Null where each of several hosts has a secret of its own: join_token_host.
  id uuid PRIMARY KEY, hash bytea UNIQUE, role text NOT NULL CHECK (role IN ('agent', 'worker')), labels jsonb NOT NULL, zone text NOT NULL,
  uses_left int NOT NULL CHECK (uses_left >= 0), created_at_ms bigint NOT NULL, expires_at_ms bigint NOT NULL, created_by jsonb NOT NULL,
  -- Made for one host: its agent becomes that host's, whatever the machine calls itself.
  host_id uuid REFERENCES host
);
-- Of a run that installs agents: each of its hosts joins with a secret of its own, which is good for that host alone, once.
CREATE TABLE join_token_host (
  token_id uuid NOT NULL REFERENCES join_token ON DELETE CASCADE, host_id uuid NOT NULL REFERENCES host, hash bytea NOT NULL UNIQUE, used_at_ms bigint,
  PRIMARY KEY (token_id, host_id)
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
-- Held by whoever changes ways to hosts, so that two changes together never close a circle; its value grows with each change.
INSERT INTO setting VALUES ('host-access', 1);


-- `known` keys are believed; `offered` ones were shown by a host that is known by others, and wait for somebody to accept them.
CREATE TABLE host_key (
  host_id uuid NOT NULL REFERENCES host, id bytea NOT NULL CHECK (length(id) = 32), algorithm text NOT NULL, key bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('known', 'offered')), origin text NOT NULL CHECK (origin IN ('first-use', 'import', 'accepted', 'offered')),
  first_seen_at_ms bigint NOT NULL, changed_at_ms bigint NOT NULL, changed_by text NOT NULL,
  PRIMARY KEY (host_id, id)
);
-- The latest of each kind is enough to decide on, however many an impostor shows.
CREATE UNIQUE INDEX host_key_offered ON host_key (host_id, algorithm) WHERE state = 'offered';
-- How many keys that nobody believes a host was said to show, for the audit: src/domain/inventory/key-offers.ts.
CREATE TABLE host_key_offers (
  host_id uuid PRIMARY KEY REFERENCES host, since_ms bigint NOT NULL, offers int NOT NULL, untold int NOT NULL
) WITH (fillfactor = 50);

-- Accounts: as whom work runs on a host, and with which credentials. Secrets come sealed, each under a data key of its own
-- that is itself sealed under a master key; nothing in these tables is a secret in clear.
CREATE TABLE account (
  id uuid PRIMARY KEY, name text NOT NULL UNIQUE, scope text NOT NULL, login_user text NOT NULL,
  become_kind text NOT NULL CHECK (become_kind IN ('direct', 'sudo', 'su')), become_user text, become_password boolean NOT NULL DEFAULT false,
  environment text NOT NULL CHECK (environment IN ('clean', 'login', 'agent')),
  is_default boolean NOT NULL, priority int NOT NULL, credentials jsonb NOT NULL, version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at_ms bigint NOT NULL, changed_at_ms bigint NOT NULL, created_by jsonb NOT NULL,
  CHECK ((become_kind = 'direct') = (become_user IS NULL)), CHECK (NOT become_password OR become_user IS NOT NULL)
);
CREATE TABLE account_secret (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE, id text NOT NULL, key_id text NOT NULL, data_key bytea NOT NULL, sealed bytea NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE TABLE run (
  id uuid PRIMARY KEY, partition int NOT NULL, name text NOT NULL, reason text NOT NULL, created_by jsonb NOT NULL,
  -- What whoever asked for it had to have, and whoever asks for it again has to.
  permission text NOT NULL DEFAULT 'job.run.create',
  state text NOT NULL CHECK (state IN ('created', 'waiting', 'running', 'paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')),
  round int NOT NULL DEFAULT 1 CHECK (round >= 1), target_expression text NOT NULL, host_count int NOT NULL, counts jsonb NOT NULL,
  created_at_ms bigint NOT NULL, round_started_at_ms bigint NOT NULL, started_at_ms bigint, finished_at_ms bigint, earlier_rounds_ms bigint NOT NULL DEFAULT 0,
  cancel_requested_at_ms bigint, cancel_requested_by text, cancel_forced_at_ms bigint, cancel_forced_by text,
  paused_at_ms bigint, paused_by text, resumed_at_ms bigint, resumed_by text,
  seq bigint NOT NULL DEFAULT 1,
  -- Stages and what needs what, frozen: src/domain/run/plan.ts. Null for a run of one task.
  plan jsonb,
  -- Of which version of a job it is a run; null for a command.
  job_name text, job_version int,
  CHECK ((job_name IS NULL) = (job_version IS NULL)),
  CHECK ((finished_at_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')))
) PARTITION BY RANGE (id);
-- The run of a job before another one.
CREATE INDEX run_job ON run (job_name, id) WHERE job_name IS NOT NULL;
-- What is to be done, once for all runs of a day that ask for the same; `day` is the least id that a run of that day can have. It goes with its
-- day, once no task of that day is left: nobody has to be asked what else refers to it. The bytes are those of src/domain/work, never with secrets.
CREATE TABLE work (
  day uuid NOT NULL, digest bytea NOT NULL CHECK (length(digest) = 32), bytes bytea NOT NULL, PRIMARY KEY (day, digest)
) PARTITION BY RANGE (day);
ALTER TABLE work ALTER bytes SET STORAGE EXTERNAL;
-- Of a run of one task that is task 0, in the state of the run: state, counts and its list of subjects are null. `work_digest` is of the
-- work of the run's day.
CREATE TABLE task (
  run_id uuid NOT NULL, task int NOT NULL, work_digest bytea NOT NULL, policy jsonb NOT NULL, placement jsonb NOT NULL, sealed_secrets bytea,
  state text CHECK (state IN ('created', 'waiting', 'running', 'paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')),
  counts jsonb, subjects int,
  -- Since when it has its turn, in the present round.
  opened_at_ms bigint,
  -- What it has told, once it is over: src/domain/run/step-outputs.ts.
  outputs jsonb,
  -- What its conditions have come to, once its turn has come: src/domain/run/conditions.ts.
  decision jsonb,
  -- How far its rollout has come (src/domain/rollout/position.ts), and what somebody has said last to a question of it, by its number.
  position jsonb, answer jsonb,
  -- Of an approval or a wait, which have no executions: where it stands (src/domain/gate/gate-position.ts), and what people have said to it.
  gate jsonb, approvals jsonb,
  -- Somebody wants it skipped, or has had it skipped: src/domain/run/step-skip.ts.
  skip jsonb,
  CHECK (gate->>'phase' IN ('asking', 'waiting', 'over')),
  CHECK (gate->>'end' IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')),
  CHECK ((gate->>'phase' = 'over') = (gate->>'end' IS NOT NULL)),
  CHECK (approvals IS NULL OR gate IS NOT NULL),
  PRIMARY KEY (run_id, task), CHECK ((state IS NULL) = (counts IS NULL) AND (state IS NULL) = (subjects IS NULL))
) PARTITION BY RANGE (run_id);
-- The hosts of tasks whose turn is to come: executions are made of them then. Each list once, however many tasks go to the same hosts. Of a task
-- without hosts it is one pair of nulls, or one for each of its items where they are known when the run is made.
CREATE TABLE run_subjects (
  run_id uuid NOT NULL, list int NOT NULL, host_ids uuid[] NOT NULL, host_names text[] NOT NULL, items text[], PRIMARY KEY (run_id, list)
) PARTITION BY RANGE (run_id);

-- No index but the key: every state change stays a heap-only update.
CREATE TABLE execution (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL,
  -- Both null where it goes to no host: a worker carries it out, for this one item where its task has several.
  host_id uuid, host_name text, item text,
  state text NOT NULL CHECK (state IN ('waiting', 'dispatched', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'not_started', 'lost')),
  attempt int NOT NULL DEFAULT 1 CHECK (attempt >= 1), round int NOT NULL DEFAULT 1, failures_in_round int NOT NULL DEFAULT 0,
  -- Who has the attempt, which start of it where it is an agent, and by whose link the order went.
  executor_kind text CHECK (executor_kind IN ('agent', 'worker')), executor_id uuid, engine text CHECK (engine IN ('ssh', 'process', 'calls')), instance uuid, worker_id uuid,
  dispatched_at_ms bigint, started_at_ms bigint, finished_at_ms bigint,
  -- How it ended as its executor told it, and beside it how its process did; null where it was settled without its executor.
  outcome text CHECK (outcome IN ('exited', 'signalled', 'timed_out', 'cancelled', 'answered', 'rows', 'faulted', 'refused', 'unknown')),
  exit_code int, signal text, status int, row_count bigint, reason text, detail text, settled_late boolean NOT NULL DEFAULT false, seq bigint NOT NULL DEFAULT 1,
  out_size bigint NOT NULL DEFAULT 0, out_head int NOT NULL DEFAULT 0, out_tail int NOT NULL DEFAULT 0, out_digest bytea,
  err_size bigint NOT NULL DEFAULT 0, err_head int NOT NULL DEFAULT 0, err_tail int NOT NULL DEFAULT 0, err_digest bytea,
  PRIMARY KEY (run_id, task, ordinal),
  CHECK ((host_id IS NULL) = (host_name IS NULL)),
  CHECK (item IS NULL OR host_id IS NULL),
  CHECK (host_id IS NOT NULL OR executor_kind IS NULL OR engine IN ('process', 'calls')),
  CHECK ((finished_at_ms IS NOT NULL) = (state NOT IN ('waiting', 'dispatched', 'running'))),
  CHECK ((executor_kind IS NULL) = (executor_id IS NULL)),
  CHECK ((engine IS NOT NULL) = (executor_kind IS NOT DISTINCT FROM 'worker')),
  CHECK (instance IS NULL OR executor_kind = 'agent'),
  CHECK (outcome IS NULL OR finished_at_ms IS NOT NULL),
  CHECK ((outcome IS NOT DISTINCT FROM 'exited') <= (exit_code IS NOT NULL)),
  CHECK (exit_code IS NULL OR coalesce(outcome IN ('exited', 'timed_out', 'cancelled'), false)),
  CHECK (signal IS NULL OR coalesce(outcome IN ('signalled', 'timed_out', 'cancelled'), false)),
  CHECK (exit_code IS NULL OR signal IS NULL),
  CHECK ((outcome IS NOT DISTINCT FROM 'answered') = (status IS NOT NULL)),
  CHECK ((outcome IS NOT DISTINCT FROM 'rows') = (row_count IS NOT NULL)),
  -- What of an outcome is success is said by the policy of its task; without one nothing is.
  CHECK (state <> 'succeeded' OR outcome IS NOT NULL),
  CHECK (state <> 'not_started' OR started_at_ms IS NULL)
) PARTITION BY RANGE (run_id);
CREATE TABLE execution_history (LIKE execution INCLUDING DEFAULTS, PRIMARY KEY (run_id, task, ordinal, attempt)) PARTITION BY RANGE (run_id);
-- What the agent of a lost attempt told after a newer attempt had been opened. The attempt stays lost, in the history; this is the truth beside it.
CREATE TABLE late_report (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, attempt int NOT NULL, received_at_ms bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'not_started')),
  started_at_ms bigint, finished_at_ms bigint NOT NULL, outcome text NOT NULL, exit_code int, signal text, status int, row_count bigint, reason text, detail text,
  out_size bigint NOT NULL, out_head int NOT NULL, out_tail int NOT NULL, out_digest bytea,
  err_size bigint NOT NULL, err_head int NOT NULL, err_tail int NOT NULL, err_digest bytea,
  PRIMARY KEY (run_id, task, ordinal, attempt)
) PARTITION BY RANGE (run_id);

-- Small outputs once per run and content; folding is a GROUP BY on digests.
CREATE TABLE output_blob (
  run_id uuid NOT NULL, digest bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (run_id, digest)
) PARTITION BY RANGE (run_id);
CREATE TABLE output_chunk (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, attempt int NOT NULL, stream int NOT NULL CHECK (stream IN (1, 2)), seq int NOT NULL,
  bytes bytea NOT NULL, PRIMARY KEY (run_id, task, ordinal, attempt, stream, seq)
) PARTITION BY RANGE (run_id);
-- Of attempts that told some, or of which some were left out: no execution carries them about.
CREATE TABLE output_value (
  run_id uuid NOT NULL, task int NOT NULL, ordinal int NOT NULL, attempt int NOT NULL,
  told jsonb NOT NULL, fault text, bytes int NOT NULL, PRIMARY KEY (run_id, task, ordinal, attempt)
) PARTITION BY RANGE (run_id);
ALTER TABLE output_blob ALTER bytes SET STORAGE EXTERNAL;
ALTER TABLE output_chunk ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE run_event (
  run_id uuid NOT NULL, seq bigint NOT NULL, kind text NOT NULL, at_ms bigint NOT NULL, detail jsonb NOT NULL,
  -- Among those of one write, as it has them.
  place int NOT NULL DEFAULT 0, PRIMARY KEY (run_id, seq, place)
) PARTITION BY RANGE (run_id);
-- Once per run and account, so that a use is audited once however often a run asks.
CREATE TABLE account_use (
  run_id uuid NOT NULL, account_id uuid NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (run_id, account_id)
) PARTITION BY RANGE (run_id);

-- Runs that are not over, and what was asked of each: written with the asking, and compared by the run's owner with what it does.
-- Small, so that owners can read it every few seconds; no hint is needed to find what is here.
CREATE TABLE run_active (
  run_id uuid PRIMARY KEY, partition int NOT NULL, round int NOT NULL DEFAULT 1, cancel_requested boolean NOT NULL DEFAULT false,
  -- What comes finally is to end too.
  cancel_forced boolean NOT NULL DEFAULT false CHECK (cancel_requested OR NOT cancel_forced),
  paused boolean NOT NULL DEFAULT false,
  -- Whose it is (who has begun it, or its last round), and what it is to the memory of its owner: src/domain/run/run-load.ts.
  principal text NOT NULL DEFAULT '', bytes int NOT NULL DEFAULT 0,
  -- To questions of its rollouts.
  answers int NOT NULL DEFAULT 0
);
CREATE INDEX run_active_partition ON run_active (partition, run_id);
CREATE INDEX run_active_principal ON run_active (principal) INCLUDE (bytes);
-- The same of all that somebody has under way, or more: counted up with each start, and anew where it would refuse one.
CREATE TABLE run_load (principal text PRIMARY KEY, bytes bigint NOT NULL) WITH (fillfactor = 50);

-- Jobs: procedures as people wrote them. What of a job is shown and looked for is that of its newest published version, else of its draft, else of
-- its last.
CREATE TABLE job (
  id uuid PRIMARY KEY, name text NOT NULL UNIQUE, created_at_ms bigint NOT NULL, changed_at_ms bigint NOT NULL,
  last_version int NOT NULL DEFAULT 0 CHECK (last_version >= 0), published_version int, draft_version int,
  -- The last number that was given to a version, removed ones among them: none is given twice.
  numbered int NOT NULL DEFAULT 0 CHECK (numbered >= last_version),
  state text GENERATED ALWAYS AS (CASE WHEN published_version IS NOT NULL THEN 'published' WHEN draft_version IS NOT NULL THEN 'draft' ELSE 'retired' END) STORED,
  description text, owner text, team text, tags text[] NOT NULL DEFAULT '{}'
);
-- Numbered from 1 for each job. `document` is the text as it was sent, byte for byte.
CREATE TABLE job_version (
  job_id uuid NOT NULL REFERENCES job, version int NOT NULL CHECK (version >= 1), state text NOT NULL CHECK (state IN ('draft', 'published', 'retired')),
  document bytea NOT NULL, digest bytea NOT NULL CHECK (digest = sha256(document)),
  description text, owner text, team text, tags text[] NOT NULL,
  -- Who is told of the ends of its runs, as the document says it: src/domain/notice/subscription.ts.
  notify jsonb NOT NULL DEFAULT '[]',
  applied_at_ms bigint NOT NULL, applied_by jsonb NOT NULL, applied_reason text NOT NULL,
  published_at_ms bigint, published_by jsonb, published_reason text, retired_at_ms bigint, retired_by jsonb, retired_reason text,
  PRIMARY KEY (job_id, version),
  CHECK ((retired_at_ms IS NOT NULL) = (state = 'retired')),
  CHECK (state <> 'published' OR published_at_ms IS NOT NULL), CHECK (state <> 'draft' OR published_at_ms IS NULL),
  CHECK ((published_at_ms IS NULL) = (published_by IS NULL) AND (published_at_ms IS NULL) = (published_reason IS NULL)),
  CHECK ((retired_at_ms IS NULL) = (retired_by IS NULL) AND (retired_at_ms IS NULL) = (retired_reason IS NULL))
);
-- Few: every look of a server asks whether there is any.
CREATE INDEX job_version_late ON job_version (job_id, version) WHERE notify @> '[{"on": ["late"]}]';
CREATE UNIQUE INDEX job_version_draft ON job_version (job_id) WHERE state = 'draft';
-- What was published is what runs of it say that they ran. The moves are those of src/domain/job/version-machine.ts.
CREATE FUNCTION job_version_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' AND (NEW.document, NEW.applied_at_ms, NEW.applied_by) IS DISTINCT FROM (OLD.document, OLD.applied_at_ms, OLD.applied_by) THEN
    RAISE EXCEPTION 'a version that is not a draft never changes';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (('draft', 'published'), ('draft', 'retired'), ('published', 'retired')) THEN
    RAISE EXCEPTION 'no version moves from % to %', OLD.state, NEW.state;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER job_version_kept BEFORE UPDATE ON job_version FOR EACH ROW EXECUTE FUNCTION job_version_is_kept();

-- Channels: where people are told of runs. Where each leads is sealed whole, for a URL may be its own secret; `shown` is what of it is none.
CREATE TABLE channel (
  id uuid PRIMARY KEY, name text NOT NULL UNIQUE, kind text NOT NULL, lang text NOT NULL CHECK (lang IN ('en', 'zh')), shown jsonb NOT NULL,
  -- So many messages a minute, and how long notices of one group wait for company after the first.
  per_minute int NOT NULL CHECK (per_minute >= 1), group_ms bigint NOT NULL CHECK (group_ms >= 0),
  key_id text NOT NULL, data_key bytea NOT NULL, sealed bytea NOT NULL, version int NOT NULL DEFAULT 1 CHECK (version >= 1),
  created_at_ms bigint NOT NULL, changed_at_ms bigint NOT NULL, created_by jsonb NOT NULL
);

-- Who is told of what, where no job says it.
CREATE TABLE notice_rule (
  id uuid PRIMARY KEY, channel_id uuid NOT NULL REFERENCES channel ON DELETE CASCADE, events text[] NOT NULL, lost_share int, late_after_ms bigint,
  job text, owner text, team text, created_at_ms bigint NOT NULL, created_by jsonb NOT NULL
);
CREATE INDEX notice_rule_channel ON notice_rule (channel_id);
-- Ends of runs that nobody has made notices of: written with the end, while there is a channel, and taken away with the writing of notices.
CREATE TABLE run_ended (
  run_id uuid NOT NULL, round int NOT NULL, state text NOT NULL, counts jsonb NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (run_id, round, state)
);
-- Questions of runs that nobody has made notices of: noted as ends are. Of a rollout `turn` is the number of its question, of an approval since when it asks.
CREATE TABLE run_asked (
  run_id uuid NOT NULL, round int NOT NULL, task int NOT NULL, turn bigint NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (run_id, round, task, turn)
);
-- What goes out as one, under one id. While it waits, `due_at_ms` is when its next try may begin; during a try, when the lease of that is over.
CREATE TABLE notice_message (
  id uuid PRIMARY KEY, channel text NOT NULL, channel_id uuid, grouped_as text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')), tries int NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms bigint NOT NULL, opened_at_ms bigint NOT NULL, created_at_ms bigint NOT NULL, finished_at_ms bigint, code text, detail text,
  CHECK ((finished_at_ms IS NOT NULL) = (state <> 'waiting')), CHECK (state <> 'waiting' OR channel_id IS NOT NULL)
);
CREATE INDEX notice_message_due ON notice_message (due_at_ms) WHERE state = 'waiting';
CREATE INDEX notice_message_group ON notice_message (channel_id, grouped_as, opened_at_ms);
CREATE INDEX notice_message_finished ON notice_message (finished_at_ms) WHERE finished_at_ms IS NOT NULL;
-- Once for an end and a channel, however often the end is written; `question`: the task and the turn of what is asked, and empty for all else.
CREATE TABLE notice (
  id uuid PRIMARY KEY, run_id uuid NOT NULL, round int NOT NULL, event text NOT NULL, question text NOT NULL DEFAULT '', channel text NOT NULL, facts jsonb NOT NULL,
  message_id uuid NOT NULL REFERENCES notice_message ON DELETE CASCADE, created_at_ms bigint NOT NULL,
  UNIQUE (run_id, round, event, question, channel)
);
CREATE INDEX notice_message_of ON notice (message_id);
CREATE INDEX notice_newest ON notice (created_at_ms DESC, id DESC);
-- Written before the try is made; without an end the server that made it ended first.
CREATE TABLE notice_try (
  message_id uuid NOT NULL REFERENCES notice_message ON DELETE CASCADE, number int NOT NULL CHECK (number >= 1), channel_id uuid NOT NULL,
  began_at_ms bigint NOT NULL, ended_at_ms bigint, is_taken boolean, code text, detail text, answer text, PRIMARY KEY (message_id, number)
);
CREATE INDEX notice_try_lately ON notice_try (channel_id, began_at_ms);
-- Messages that somebody had sent by hand, in the last minute or so: they count among those that a channel is sent.
CREATE TABLE channel_test (channel_id uuid NOT NULL REFERENCES channel ON DELETE CASCADE, began_at_ms bigint NOT NULL);
CREATE INDEX channel_test_lately ON channel_test (channel_id, began_at_ms);

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

-- A deed writes its entry unchained, so that deeds do not wait for each other; a sealer gives the entries their numbers and chains them.
-- The mark is under a key that the database does not hold: an entry that is changed before it is sealed is found like one that is changed after.
CREATE TABLE audit_unsealed (
  id uuid PRIMARY KEY, at_ms bigint NOT NULL, actor jsonb NOT NULL, action text NOT NULL, target text NOT NULL, detail jsonb NOT NULL,
  request_id text, mark bytea NOT NULL
);
CREATE INDEX audit_unsealed_order ON audit_unsealed (at_ms, id);
-- Append-only, chained by hash; whoever seals holds the head's row.
CREATE TABLE audit (
  seq bigint PRIMARY KEY, id uuid NOT NULL, at_ms bigint NOT NULL, actor jsonb NOT NULL, action text NOT NULL, target text NOT NULL, detail jsonb NOT NULL,
  request_id text, mark bytea NOT NULL, previous_hash bytea NOT NULL, hash bytea NOT NULL
);
CREATE TABLE audit_head (one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash bytea NOT NULL);
INSERT INTO audit_head VALUES (true, 0, '\x0000000000000000000000000000000000000000000000000000000000000000');
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE TABLE idempotency (
  principal text NOT NULL, key text NOT NULL, request_hash bytea NOT NULL, created_at_ms bigint NOT NULL, status int, body text, PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at_ms);
