-- How much of its included traffic an account has used this month, whom it was told to, and whether its vps are held to a lower rate.

-- One row an account, of the month that is (functions/86-traffic.sql). What a month came to is in its charges.
CREATE TABLE traffic_states (
    account_id uuid PRIMARY KEY REFERENCES billing_accounts,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    used_bytes numeric NOT NULL DEFAULT 0,
    included_bytes numeric NOT NULL DEFAULT 0,
    warned_percent int NOT NULL DEFAULT 0 CHECK (warned_percent IN (0, 80, 100)), -- the last that was said
    rate_bps bigint CHECK (rate_bps > 0), -- what its vps are held to; null: to nothing
    checked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX traffic_states_checked ON traffic_states (checked_at);
CREATE INDEX traffic_states_throttled ON traffic_states (account_id) WHERE rate_bps IS NOT NULL;
CREATE INDEX vps_traffic_rate ON vps (id) WHERE traffic_rate_bps IS NOT NULL;

ALTER TABLE traffic_states OWNER TO croft_owner;
ALTER TABLE traffic_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE traffic_states FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON traffic_states TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON traffic_states TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY tenant_read ON traffic_states FOR SELECT TO croft_tenant USING (account_id = croft_tenant_id());
CREATE POLICY operator_read ON traffic_states FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON traffic_states TO croft_definer;
GRANT SELECT ON traffic_states TO croft_tenant, croft_operator;
