-- Who pays, who works for them, how they sign in, what they may use.

-- Moves that a state may make; the trigger croft_check_transition refuses every other one.
CREATE TABLE state_transitions (
    machine text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (machine, from_state, to_state)
);

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    parent_id uuid REFERENCES tenants,
    -- The ancestors, root first, and the tenant itself. Kept by croft_tenant_path().
    path uuid[] NOT NULL,
    kind text NOT NULL CHECK (kind IN ('operator', 'reseller', 'tenant')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closing', 'closed')),
    -- Why it is not active, since when, by whose order; null while it is.
    suspended_reason text CHECK (length(suspended_reason) BETWEEN 1 AND 500),
    suspended_at timestamptz,
    suspended_by text CHECK (suspended_by IN ('operator', 'reseller')), -- an operator's order only an operator takes back
    suspended_actor jsonb,
    suspend_policy text CHECK (suspend_policy IN ('stop', 'throttle')),
    grace_until timestamptz, -- of closing: until then nothing is deleted
    closed_at timestamptz,
    -- With those above it counted in: the worst state, the hardest policy. Kept by croft_tenant_effective().
    effective_state text NOT NULL DEFAULT 'active',
    effective_policy text CHECK (effective_policy IN ('stop', 'throttle')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'operator') = (parent_id IS NULL)),
    CHECK (kind <> 'operator' OR state = 'active'),
    CHECK ((state = 'active') = (suspended_at IS NULL)),
    CHECK ((grace_until IS NOT NULL) = (state IN ('closing', 'closed'))),
    CHECK ((closed_at IS NOT NULL) = (state = 'closed')),
    CHECK (path[cardinality(path)] = id)
);
-- One root.
CREATE UNIQUE INDEX tenants_one_operator ON tenants (kind) WHERE kind = 'operator';
CREATE INDEX tenants_parent ON tenants (parent_id, id);
CREATE INDEX tenants_path ON tenants USING gin (path);
CREATE INDEX tenants_closing ON tenants (grace_until) WHERE state = 'closing';
CREATE INDEX tenants_held ON tenants (id) WHERE effective_policy IS NOT NULL;

CREATE TABLE resources (
    name text PRIMARY KEY,
    title text NOT NULL, -- as it reads in "The quota of ... is used up"
    preset bigint -- the ceiling of a new tenant that was given none; null: unlimited
);

CREATE TABLE quotas (
    tenant_id uuid NOT NULL REFERENCES tenants,
    resource text NOT NULL REFERENCES resources,
    ceiling bigint CHECK (ceiling >= 0), -- null: unlimited
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    -- An operator's word, which beats the ceiling.
    overridden boolean NOT NULL DEFAULT false,
    override bigint CHECK (override >= 0), -- null: unlimited
    override_reason text CHECK (length(override_reason) BETWEEN 1 AND 500),
    effective bigint GENERATED ALWAYS AS (CASE WHEN overridden THEN override ELSE ceiling END) STORED,
    PRIMARY KEY (tenant_id, resource),
    CHECK (overridden = (override_reason IS NOT NULL)),
    CHECK (overridden OR override IS NULL),
    CONSTRAINT quotas_within_ceiling CHECK (effective IS NULL OR used <= effective)
) WITH (fillfactor = 50); -- updated in place by every create and delete

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    password_hash text,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    platform_role text CHECK (platform_role = 'operator'),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE memberships (
    user_id uuid NOT NULL REFERENCES users,
    tenant_id uuid NOT NULL REFERENCES tenants,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'billing', 'viewer')),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, tenant_id)
);
CREATE INDEX memberships_tenant ON memberships (tenant_id);

CREATE TABLE tokens (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid REFERENCES users, -- null: the tenant's own
    made_by uuid REFERENCES users, -- who made it from the reseller above, and loses it with the right to act here
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    token_hash text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    prefix text NOT NULL CHECK (length(prefix) BETWEEN 1 AND 40),
    -- Words that croft_scope_held() knows: read, write, resource:read, resource:write.
    scopes text[] NOT NULL DEFAULT '{read,write}' CHECK (cardinality(scopes) BETWEEN 1 AND 40),
    read_only boolean NOT NULL DEFAULT false, -- whatever the scopes and the role say
    addresses cidr[] CHECK (cardinality(addresses) BETWEEN 1 AND 32), -- the networks it may come from; null: any
    role text CHECK (role IN ('owner', 'admin', 'member', 'billing', 'viewer')), -- at most this one; null: as its user
    platform_role text CHECK (platform_role = 'operator'),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    -- The role that the token enters its tenant with, as croft_token_used() found it; null: not known. Whatever decides
    -- it (the state of tenant and user, the membership) clears it by trigger, so a read needs this row alone.
    entry_role text,
    revoked_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX tokens_tenant ON tokens (tenant_id, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_maker ON tokens (made_by) WHERE made_by IS NOT NULL;

CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    user_id uuid NOT NULL REFERENCES users,
    refresh_hash text NOT NULL UNIQUE CHECK (refresh_hash ~ '^[0-9a-f]{64}$'),
    csrf_hash text NOT NULL CHECK (csrf_hash ~ '^[0-9a-f]{64}$'),
    peer text,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- Of staff who act as the user, in this tenant alone. Who it was stays readable to the customer.
    tenant_id uuid REFERENCES tenants,
    impersonator_id uuid REFERENCES users,
    impersonator_email text,
    reason text CHECK (length(reason) BETWEEN 3 AND 500),
    CHECK (num_nulls(tenant_id, impersonator_id, impersonator_email, reason) IN (0, 4)),
    CHECK (impersonator_id IS NULL OR expires_at <= created_at + interval '1 hour')
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_tenant ON sessions (tenant_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX sessions_impersonator ON sessions (impersonator_id) WHERE impersonator_id IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Answers of POSTs that carried an Idempotency-Key, in the transaction of their effect.
CREATE TABLE idempotency_keys (
    principal text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    hash text NOT NULL, -- of method, path and body
    status int,
    body text,
    location text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- The audit log: one line a change, never changed itself.
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Ids are given before commit, so a later id may become visible first. A reader that must miss nothing
    -- takes only rows with xid < pg_snapshot_xmin(pg_current_snapshot()), in order of (xid, id).
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ts timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant_id uuid REFERENCES tenants,
    actor jsonb NOT NULL,
    action text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid,
    request_id text,
    peer text,
    data jsonb NOT NULL DEFAULT '{}'
);
