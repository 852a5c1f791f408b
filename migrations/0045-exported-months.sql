-- billing.mode export: which accounts' months were charged, so that they can be fetched. Where there are invoices, month_ends says so.
CREATE TABLE exported_months (
    account_id uuid NOT NULL REFERENCES billing_accounts,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    passes int NOT NULL DEFAULT 1 CHECK (passes IN (1, 2)), -- the second is for usage that came late
    charged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, month)
);
ALTER TABLE exported_months OWNER TO croft_owner;
ALTER TABLE exported_months ENABLE ROW LEVEL SECURITY;
ALTER TABLE exported_months FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON exported_months TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON exported_months TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY operator_read ON exported_months FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON exported_months TO croft_definer;
GRANT SELECT ON exported_months TO croft_operator;
