-- Which start of an agent counts, and whether another shows itself beside it: the record of src/domain/agent/session-rule.ts.
ALTER TABLE agent ADD COLUMN zone text NOT NULL DEFAULT 'default', ADD COLUMN session jsonb;
UPDATE agent SET zone = host.zone FROM host WHERE host.id = agent.host_id AND host.zone <> 'default';
