-- What is not paid in time: on which days the buyer is told, and what was told.

ALTER TABLE billing_accounts
    -- Days after an invoice was due on which it is asked for again.
    ADD COLUMN reminder_days int[] NOT NULL DEFAULT '{1,7,14}' CHECK (cardinality(reminder_days) <= 10 AND array_position(reminder_days, NULL) IS NULL
        AND 0 <= ALL (reminder_days) AND 365 >= ALL (reminder_days)),
    -- Days after which what the account has is stopped; null: never.
    ADD COLUMN overdue_suspend_days int CHECK (overdue_suspend_days BETWEEN 0 AND 365);

-- A day of an invoice is told once, and an invoice stops its account once: who resumes it by hand is not overruled.
CREATE TABLE invoice_reminders (
    invoice_id uuid NOT NULL REFERENCES invoices,
    kind text NOT NULL CHECK (kind IN ('reminder', 'suspension')),
    days int NOT NULL CHECK (days BETWEEN 0 AND 365), -- since it was due
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (invoice_id, kind, days)
);
CREATE UNIQUE INDEX invoice_reminders_stopped ON invoice_reminders (invoice_id) WHERE kind = 'suspension';
CREATE INDEX invoices_due ON invoices (due_at, id) WHERE state = 'final' AND kind = 'invoice';

ALTER TABLE invoice_reminders OWNER TO croft_owner;
ALTER TABLE invoice_reminders ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_reminders FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON invoice_reminders TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON invoice_reminders TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY operator_read ON invoice_reminders FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT ON invoice_reminders TO croft_definer;
GRANT SELECT ON invoice_reminders TO croft_operator;
