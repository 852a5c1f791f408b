-- Labels, the references of billing modules, protection; indexes of sorted and filtered lists.

ALTER TABLE tenants
    ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    ADD COLUMN external_ref text CHECK (length(external_ref) BETWEEN 1 AND 200),
    -- The reseller above it, or the root: within whose tenants an external_ref is unique. Kept by croft_tenant_reseller().
    ADD COLUMN reseller_id uuid REFERENCES tenants;
CREATE UNIQUE INDEX tenants_external_ref ON tenants (external_ref, reseller_id) WHERE external_ref IS NOT NULL;
CREATE INDEX tenants_reseller ON tenants (reseller_id);
CREATE INDEX tenants_name ON tenants (name COLLATE "C", id);
CREATE INDEX tenants_created ON tenants (created_at, id);
CREATE INDEX tenants_labels ON tenants USING gin (labels);

ALTER TABLE vps
    ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    ADD COLUMN external_ref text CHECK (length(external_ref) BETWEEN 1 AND 200),
    ADD COLUMN protection boolean NOT NULL DEFAULT false,
    ADD COLUMN reseller_id uuid REFERENCES tenants; -- kept by croft_vps_reseller()
-- Free again once it is gone: what a billing module sells next under the same reference is a new one.
CREATE UNIQUE INDEX vps_external_ref ON vps (external_ref, reseller_id) WHERE external_ref IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX vps_reseller ON vps (reseller_id);
CREATE INDEX vps_tenant_name ON vps (tenant_id, name COLLATE "C", id) WHERE deleted_at IS NULL;
CREATE INDEX vps_tenant_created ON vps (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX vps_all_name ON vps (name COLLATE "C", id) WHERE deleted_at IS NULL;
CREATE INDEX vps_all_created ON vps (created_at, id) WHERE deleted_at IS NULL;
-- For operators. A tenant's own are found by its id: @> may not be tried on rows that row-level security has not passed yet.
CREATE INDEX vps_labels ON vps USING gin (labels) WHERE deleted_at IS NULL;
-- Nearly all are running: a list of those finds a page of them whichever way it goes.
CREATE INDEX vps_unusual ON vps (observed, id) WHERE deleted_at IS NULL AND observed <> 'running';

ALTER TABLE images
    ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object');

-- Nearly all are done.
CREATE INDEX tasks_tenant_unusual ON tasks (tenant_id, status, id) WHERE status <> 'done';
CREATE INDEX tasks_unusual ON tasks (status, id) WHERE status <> 'done';
CREATE INDEX tasks_node ON tasks (node_id, id);

CREATE INDEX tokens_tenant_name ON tokens (tenant_id, name COLLATE "C", id) WHERE revoked_at IS NULL;
CREATE INDEX users_email_order ON users (email COLLATE "C", id);
CREATE INDEX users_created ON users (created_at, id);
