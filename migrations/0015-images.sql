-- Images of tenants: published from a vps. They are rows of images with a tenant; the catalogue's have none.
ALTER TABLE images
    ADD COLUMN tenant_id uuid REFERENCES tenants, -- null: of the catalogue
    ADD COLUMN state text NOT NULL DEFAULT 'ready' CHECK (state IN ('creating', 'ready', 'failed')),
    ADD COLUMN vps_id uuid REFERENCES vps, -- that it was published from
    ADD COLUMN task_id uuid REFERENCES tasks, -- the open task that makes it
    ADD COLUMN error jsonb, -- {code, detail} of the task that failed
    -- What it holds of the quota image_bytes: an upper bound while it is made, then its size.
    ADD COLUMN held_bytes bigint NOT NULL DEFAULT 0 CHECK (held_bytes >= 0),
    ALTER COLUMN sha256 DROP NOT NULL,
    ALTER COLUMN size DROP NOT NULL,
    ALTER COLUMN signature DROP NOT NULL,
    ADD CHECK (state <> 'ready' OR sha256 IS NOT NULL AND size IS NOT NULL AND signature IS NOT NULL),
    ADD CHECK (state = 'ready' OR NOT active),
    ADD CHECK (tenant_id IS NULL OR NOT public);

DROP INDEX images_name, images_sha256;
CREATE UNIQUE INDEX images_name ON images (name) WHERE deleted_at IS NULL AND tenant_id IS NULL;
CREATE UNIQUE INDEX images_tenant_name ON images (tenant_id, name) WHERE deleted_at IS NULL AND tenant_id IS NOT NULL;
CREATE UNIQUE INDEX images_catalogue_sha256 ON images (sha256) WHERE deleted_at IS NULL AND tenant_id IS NULL;
-- Two tenants may publish the same bytes: one file, two rows.
CREATE INDEX images_sha256 ON images (sha256);
CREATE INDEX images_vps ON images (vps_id);
CREATE INDEX images_task ON images (task_id);

DROP POLICY tenant_read ON images;
CREATE POLICY tenant_read ON images FOR SELECT TO croft_tenant
    USING (public OR tenant_id = croft_tenant_id() OR EXISTS (SELECT FROM image_tenants x WHERE x.image_id = images.id));
-- A tenant's image is for the nodes that are to make something of it now.
DROP POLICY agent_read ON images;
CREATE POLICY agent_read ON images FOR SELECT TO croft_agent
    USING (tenant_id IS NULL OR EXISTS (SELECT FROM tasks t WHERE t.node_id = croft_node_id() AND t.ended_at IS NULL
        AND images.sha256 IN (t.spec->'image'->>'sha256', t.spec->'rescue'->>'sha256')));

INSERT INTO resources (name, title, preset) VALUES ('image_bytes', 'bytes of images', 0);

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('images.state', 'creating', 'ready'), ('images.state', 'creating', 'failed');

-- Publishing begins with a snapshot, and is in the way of others as one is: later orders run as soon as that is taken.
INSERT INTO order_matrix (open, ordered, verdict)
    SELECT 'vps_publish', ordered, verdict FROM order_matrix WHERE open = 'vps_snapshot';
INSERT INTO order_matrix (open, ordered, verdict)
    SELECT open, 'publish', verdict FROM order_matrix WHERE ordered = 'snapshot';
