-- The audit log as something to follow: its order, who reads what of it, and webhooks that carry it out.

-- Ids and transaction ids are both given before commit, so neither alone is the order in which rows become visible. (xid, id) is
-- one that only grows at its end for whoever reads below the horizon of 13-events.sql.
CREATE INDEX events_order ON events (xid, id);
CREATE INDEX events_tenant ON events (tenant_id, xid, id);
CREATE INDEX events_subject ON events (subject_id, xid, id);

-- Who manages a tenant reads all of its log; everybody else in it what happens to what it rents.
CREATE POLICY tenant_read ON events FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id()
    AND (croft_setting('role') IN ('owner', 'admin') OR subject_type IN ('vps', 'snapshot', 'backup', 'task')));

CREATE TABLE webhooks (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    url text NOT NULL CHECK (length(url) BETWEEN 8 AND 2000),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 200),
    -- What it is told: an action, "vps.*", or "*".
    events text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(events) BETWEEN 1 AND 64),
    include_children boolean NOT NULL DEFAULT false, -- of a reseller: also what happens in the tenants below it
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text, -- why it was disabled by itself
    failing_since timestamptz, -- no delivery has succeeded since; null: the last one did
    -- Signing needs the secret itself, so it cannot be a hash: it is sealed (server/secret_box.h). The one before goes on signing
    -- for a day after a rotation.
    secret text NOT NULL CHECK (secret ~ '^v1\.[a-z0-9-]+\.[A-Za-z0-9_-]{40,}$' AND length(secret) <= 400),
    old_secret text,
    old_secret_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhooks_tenant ON webhooks (tenant_id, id);
CREATE INDEX webhooks_enabled ON webhooks (tenant_id) WHERE enabled;

-- One event for one webhook, written with the event.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT croft_uuid(), -- the webhook-id header: the same in every attempt
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants,
    event_id bigint REFERENCES events, -- null: a test
    action text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts int NOT NULL DEFAULT 0, -- since it was ordered, or ordered again
    next_at timestamptz DEFAULT now(), -- the next attempt; while one is under way, the end of its lease
    claim uuid, -- of the attempt that is under way
    log jsonb NOT NULL DEFAULT '[]', -- the last attempts, oldest first: at, status, error, duration_ms, response
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (webhook_id) WHERE claim IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_tenant ON webhook_deliveries (tenant_id);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['webhooks', 'webhook_deliveries']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
    END LOOP;
END
$$;
GRANT SELECT ON webhook_deliveries TO croft_tenant, croft_operator;
GRANT SELECT (id, tenant_id, url, description, events, include_children, enabled, disabled_reason, failing_since, version, created_at, updated_at)
    ON webhooks TO croft_tenant, croft_operator;

CREATE VIEW webhooks_visible WITH (security_invoker = true) AS
    SELECT id, tenant_id, url, description, events, include_children, enabled, disabled_reason, failing_since, version, created_at, updated_at
    FROM webhooks;
ALTER VIEW webhooks_visible OWNER TO croft_owner;
GRANT SELECT ON webhooks_visible TO croft_tenant, croft_operator, croft_definer;
