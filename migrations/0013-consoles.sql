-- Consoles of vps: a ticket that is good once and for seconds, then what was opened with it, until it is closed. Who opened it and
-- from where stays in the audit log; a row goes a day after its end.

CREATE TABLE consoles (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    vps_id uuid NOT NULL REFERENCES vps,
    node_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('login', 'shell')),
    state text NOT NULL DEFAULT 'ticket' CHECK (state IN ('ticket', 'open', 'closed')),
    ticket_hash text NOT NULL UNIQUE CHECK (length(ticket_hash) = 64),
    -- Whose ticket it is: exactly one of the two, which is asked again when it is used.
    token_id uuid,
    session_id uuid,
    user_id uuid,
    expires_at timestamptz NOT NULL, -- of the ticket
    -- Who opened it, as its events name them, and where from.
    impersonator_id uuid,
    actor_tenant_id uuid,
    request_id text,
    peer text,
    opened_at timestamptz,
    seen_at timestamptz, -- when the worker that holds it last said so
    closed_at timestamptz,
    close_reason text CHECK (close_reason IN ('left', 'exited', 'revoked', 'expired', 'stopped', 'idle', 'slow', 'protocol',
        'unreachable', 'failed', 'node', 'drain', 'lost')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((token_id IS NULL) <> (session_id IS NULL)),
    CHECK ((state = 'ticket') = (opened_at IS NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (closed_at IS NULL) = (close_reason IS NULL)),
    CHECK ((opened_at IS NULL) = (seen_at IS NULL))
);
CREATE INDEX consoles_tenant ON consoles (tenant_id, id);
CREATE INDEX consoles_open ON consoles (vps_id) WHERE state = 'open';
CREATE INDEX consoles_open_tenant ON consoles (tenant_id, node_id) WHERE state = 'open';
CREATE INDEX consoles_seen ON consoles (seen_at) WHERE state = 'open';
CREATE INDEX consoles_created ON consoles (created_at);

ALTER TABLE consoles OWNER TO croft_owner;
ALTER TABLE consoles ENABLE ROW LEVEL SECURITY;
ALTER TABLE consoles FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON consoles TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON consoles TO croft_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON consoles TO croft_definer;

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('consoles.state', 'ticket', 'open'), ('consoles.state', 'open', 'closed');
