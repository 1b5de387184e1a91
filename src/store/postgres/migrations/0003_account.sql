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
-- Once per run and account, so that a use is audited once however often a run asks.
CREATE TABLE account_use (
  run_id uuid NOT NULL, account_id uuid NOT NULL, at_ms bigint NOT NULL, PRIMARY KEY (run_id, account_id)
) PARTITION BY RANGE (run_id);
-- The host's own account, if it has one. Without a foreign key: an account that is removed by force leaves its hosts refused, not silently on another.
ALTER TABLE host ADD COLUMN IF NOT EXISTS account_id uuid;
