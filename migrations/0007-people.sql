-- How people prove who they are, who asked them in, and what is mailed to them.

-- A second factor (RFC 6238). Until it is confirmed with a code it asks for none.
CREATE TABLE totp_secrets (
    user_id uuid PRIMARY KEY REFERENCES users,
    secret text NOT NULL CHECK (secret ~ '^v1\.[a-z0-9-]+\.[A-Za-z0-9_-]{40,}$' AND length(secret) <= 400), -- sealed (server/secret_box.h)
    last_step bigint NOT NULL DEFAULT 0, -- of the last code taken: none at or before it is taken again
    confirmed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Each signs in once instead of a code; 80 random bits, so that a plain hash does not give them away.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users,
    code_hash text NOT NULL CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (user_id, code_hash)
);

-- Browsers that somebody has signed in with before: their attempts count by themselves, so that nobody else's slow them down.
CREATE TABLE devices (
    user_id uuid NOT NULL REFERENCES users,
    device_hash text NOT NULL CHECK (device_hash ~ '^[0-9a-f]{64}$'),
    failures int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, device_hash)
);

-- Attempts to sign in, by account (a hash of the address, whether it is known or not) and by network.
CREATE TABLE signin_attempts (
    kind text NOT NULL CHECK (kind IN ('account', 'network')),
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
    failures int NOT NULL CHECK (failures >= 0),
    last_at timestamptz NOT NULL,
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 50);
CREATE INDEX signin_attempts_last ON signin_attempts (last_at);

-- Open invitations; one that is accepted or taken back is gone, and the audit log has it.
CREATE TABLE invitations (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'billing', 'viewer')),
    token_hash text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    invited_by uuid REFERENCES users, -- null: a token of the tenant's own
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX invitations_one ON invitations (tenant_id, lower(email));
CREATE INDEX invitations_inviter ON invitations (invited_by);
CREATE INDEX invitations_expiry ON invitations (expires_at);

-- Every request for a reset is stored alike; whether there is such a user is found out later, by housekeeping of mail.
CREATE TABLE password_resets (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    user_id uuid REFERENCES users, -- null: not looked at yet
    nonce text NOT NULL CHECK (nonce ~ '^[0-9a-f]{64}$'),
    token_hash text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    peer text,
    request_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_user ON password_resets (user_id);
CREATE INDEX password_resets_new ON password_resets (id) WHERE user_id IS NULL;
CREATE INDEX password_resets_expiry ON password_resets (expires_at);

-- The outbox: written in the transaction of what it tells. A link in it is made from its nonce when it is sent, with a key that
-- the database does not have.
CREATE TABLE mails (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    kind text NOT NULL,
    to_address text NOT NULL CHECK (length(to_address) BETWEEN 3 AND 254),
    subject_id uuid, -- what it is about: a mail that waits is dropped with it
    args jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(), -- also the end of the lease of the worker that sends it
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz
);
CREATE INDEX mails_due ON mails (next_at) WHERE state = 'queued';
CREATE INDEX mails_subject ON mails (subject_id) WHERE state = 'queued';
CREATE INDEX mails_recipient ON mails (lower(to_address), created_at);
CREATE INDEX mails_created ON mails (created_at);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['totp_secrets', 'recovery_codes', 'devices', 'signin_attempts', 'invitations', 'password_resets', 'mails']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
    END LOOP;
END
$$;

-- People see themselves and whom they work with.
DROP POLICY tenant_read ON users;
CREATE POLICY tenant_read ON users FOR SELECT TO croft_tenant USING (id = croft_user_id()
    OR EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id AND m.tenant_id = croft_tenant_id()));
CREATE POLICY tenant_read ON totp_secrets FOR SELECT TO croft_tenant USING (user_id = croft_user_id()
    OR EXISTS (SELECT FROM memberships m WHERE m.user_id = totp_secrets.user_id AND m.tenant_id = croft_tenant_id()));
CREATE POLICY tenant_read ON recovery_codes FOR SELECT TO croft_tenant USING (user_id = croft_user_id());
CREATE POLICY tenant_read ON invitations FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id());
-- Their own sessions; owners also those of staff who act in their tenant.
CREATE POLICY tenant_read ON sessions FOR SELECT TO croft_tenant USING (user_id = croft_user_id()
    OR tenant_id = croft_tenant_id() AND croft_setting('role') = 'owner');
CREATE POLICY operator_read ON totp_secrets FOR SELECT TO croft_operator USING (true);

GRANT SELECT (name, password_changed_at, version) ON users TO croft_tenant, croft_operator;
GRANT SELECT (user_id, confirmed_at) ON totp_secrets TO croft_tenant, croft_operator;
GRANT SELECT (user_id) ON recovery_codes TO croft_tenant;
GRANT SELECT (id, tenant_id, email, role, invited_by, created_at, expires_at) ON invitations TO croft_tenant;
GRANT SELECT (id, user_id, peer, user_agent, created_at, refreshed_at, expires_at, revoked_at, tenant_id, impersonator_id,
    impersonator_email, reason) ON sessions TO croft_tenant;

CREATE VIEW invitations_visible WITH (security_invoker = true) AS
    SELECT id, tenant_id, email, role, invited_by, created_at, expires_at FROM invitations WHERE expires_at > now();
CREATE VIEW sessions_visible WITH (security_invoker = true) AS
    SELECT id, user_id, peer, user_agent, created_at, refreshed_at, expires_at, tenant_id, impersonator_id, impersonator_email, reason
    FROM sessions WHERE revoked_at IS NULL AND expires_at > now();
CREATE OR REPLACE VIEW users_visible WITH (security_invoker = true) AS
    SELECT id, email, created_at, name, state, password_changed_at, version FROM users;
ALTER VIEW invitations_visible OWNER TO croft_owner;
ALTER VIEW sessions_visible OWNER TO croft_owner;
GRANT SELECT ON invitations_visible, sessions_visible, users_visible TO croft_tenant, croft_definer;
