-- A single vps suspended (an order of whoever sells it), and held to less than its plan's rate (its account's traffic is used up).
ALTER TABLE vps
    ADD COLUMN suspend_order text CHECK (suspend_order IN ('stop', 'throttle')), -- what it adds to its tenant's state: functions/33-lifecycle.sql
    ADD COLUMN suspend_reason text CHECK (length(suspend_reason) BETWEEN 1 AND 500),
    ADD COLUMN suspend_tenant uuid, -- who ordered it: its tenant, or the one above that acted for it
    ADD COLUMN traffic_rate_bps bigint CHECK (traffic_rate_bps > 0), -- null: the plan's rate holds
    ADD CHECK (num_nulls(suspend_order, suspend_reason, suspend_tenant) IN (0, 3));
CREATE INDEX vps_suspend_order ON vps (id) WHERE suspend_order IS NOT NULL;
