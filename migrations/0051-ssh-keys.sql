-- SSH keys that a tenant keeps, to be put into VPS that are made. What a VPS has is in its own row: a key that is deleted here opens what
-- it opened.
CREATE TABLE ssh_keys (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    public_key text NOT NULL CHECK (octet_length(public_key) <= 8192),
    fingerprint text NOT NULL CHECK (fingerprint ~ '^SHA256:[A-Za-z0-9+/]{43}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, fingerprint)
);
CREATE INDEX ssh_keys_tenant ON ssh_keys (tenant_id, id);
ALTER TABLE ssh_keys OWNER TO croft_owner;
ALTER TABLE ssh_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE ssh_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON ssh_keys TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON ssh_keys TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY tenant_read ON ssh_keys FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id());
CREATE POLICY operator_read ON ssh_keys FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, DELETE ON ssh_keys TO croft_definer;
GRANT SELECT ON ssh_keys TO croft_tenant, croft_operator;
