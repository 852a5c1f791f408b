-- What `croft-agent check` found on a node, as an operator handed it in: the last one of each.
CREATE TABLE node_check_reports (
    node_id uuid PRIMARY KEY REFERENCES nodes,
    report jsonb NOT NULL CHECK (octet_length(report::text) <= 262144),
    received_at timestamptz NOT NULL DEFAULT now(),
    version bigint NOT NULL DEFAULT 2 -- 1 is that of a node without
);
ALTER TABLE node_check_reports OWNER TO croft_owner;
ALTER TABLE node_check_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_check_reports FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON node_check_reports TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON node_check_reports TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY operator_read ON node_check_reports FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON node_check_reports TO croft_definer;
GRANT SELECT ON node_check_reports TO croft_operator;
