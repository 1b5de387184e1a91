-- Every server asks every two seconds who may not link: few, among very many agents.
CREATE INDEX agent_cut_off ON agent (certificate_expires_at_ms) WHERE state <> 'active';
