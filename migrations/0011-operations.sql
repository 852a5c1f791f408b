-- What a new order of a vps does while a task of it is open (docs/operations-matrix.md): `queue` waits behind it, `supersede`
-- also cancels it if it has not begun, `conflict` is answered 409. The one place that says so; croft_order_check() reads it.
CREATE TABLE order_matrix (
    open text NOT NULL, -- the open task's kind; 'resize' for the vps_update of a resize
    ordered text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('queue', 'supersede', 'conflict')),
    PRIMARY KEY (open, ordered)
);
ALTER TABLE order_matrix OWNER TO croft_owner;
ALTER TABLE order_matrix ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_matrix FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON order_matrix TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_read ON order_matrix FOR SELECT TO croft_definer USING (true);
CREATE POLICY operator_read ON order_matrix FOR SELECT TO croft_operator USING (true);
GRANT SELECT ON order_matrix TO croft_definer, croft_operator;

INSERT INTO order_matrix (open, ordered, verdict)
SELECT o.open, n.ordered, CASE
        -- Nothing comes after a delete but the same again, which is answered with its task.
        WHEN o.open = 'vps_delete' THEN 'conflict'
        WHEN n.ordered = 'delete' THEN CASE WHEN o.open IN ('vps_create', 'resize', 'vps_clone', 'vps_restore', 'vps_reinstall')
            THEN 'queue' ELSE 'supersede' END
        WHEN n.ordered IN ('start', 'stop', 'reboot', 'freeze', 'thaw')
            AND o.open IN ('vps_start', 'vps_stop', 'vps_reboot') THEN 'supersede'
        -- One change of what is held at a time, and none while the disk is being replaced.
        WHEN n.ordered IN ('resize', 'restore', 'reinstall', 'rescue', 'clone') AND o.open IN ('vps_create', 'resize',
            'vps_restore', 'vps_reinstall', 'vps_rescue', 'vps_clone') THEN 'conflict'
        WHEN n.ordered = 'snapshot' AND o.open IN ('vps_create', 'vps_restore', 'vps_reinstall', 'vps_rescue') THEN 'conflict'
        ELSE 'queue' END
FROM unnest(ARRAY['vps_create', 'vps_start', 'vps_stop', 'vps_update', 'resize', 'vps_reboot', 'vps_password', 'vps_delete',
        'vps_snapshot', 'vps_snapshot_delete', 'vps_restore', 'vps_reinstall', 'vps_rescue', 'vps_clone']) o (open),
    unnest(ARRAY['start', 'stop', 'reboot', 'freeze', 'thaw', 'update', 'resize', 'password', 'delete', 'snapshot', 'restore',
        'reinstall', 'rescue', 'clone']) n (ordered);

