-- The end of a month: freeze, wait, rate, check, finalise, send, account by account. What is done is in the account's row, so that any
-- server may do the next step, twice does nothing more, and a death in between leaves the step to the next. The database's clock is
-- the clock; p_now is another time than now() only in tests.

CREATE OR REPLACE FUNCTION croft_month_end_at(p_month date) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN (p_month::timestamp + interval '1 month') AT TIME ZONE 'UTC';

CREATE OR REPLACE FUNCTION croft_month_end_json(m month_ends) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.id, 'tenant_id', m.tenant_id, 'seller_id', a.seller_id, 'month', to_char(m.month, 'YYYY-MM'), 'step', m.step,
        'state', m.state, 'invoice_id', m.invoice_id, 'total', croft_money_text(i.total, m.currency), 'currency', m.currency,
        'deadline_at', m.deadline_at, 'waiting_for', m.waiting_for, 'review', m.review, 'error', m.error, 'attempts', m.attempts,
        'next_at', CASE m.state WHEN 'active' THEN m.next_at END, 'created_at', m.created_at, 'updated_at', m.updated_at)
    FROM billing_accounts a LEFT JOIN invoices i ON i.id = m.invoice_id WHERE a.tenant_id = m.tenant_id
$$;

-- As a reseller sees it: what a step failed with is for staff, as what any request fails with.
CREATE OR REPLACE FUNCTION croft_child_month_end_json(m month_ends) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.error IS NULL THEN croft_month_end_json(m)
        ELSE (croft_month_end_json(m)::jsonb || '{"error":"A step failed and is tried again."}')::json END
$$;

-- Opens a month for the next accounts in order; true: there may be more. An account that was made later has nothing in it.
CREATE OR REPLACE FUNCTION croft_month_open(p_month date, p_limit int DEFAULT 500) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r month_runs;
    v_ids uuid[];
BEGIN
    INSERT INTO month_runs (month) VALUES (p_month) ON CONFLICT DO NOTHING;
    SELECT * INTO r FROM month_runs WHERE month = p_month FOR NO KEY UPDATE;
    IF r.opened_at IS NOT NULL THEN
        RETURN false;
    END IF;
    v_ids := ARRAY(SELECT a.tenant_id FROM billing_accounts a WHERE a.tenant_id > r.opened_to ORDER BY a.tenant_id LIMIT p_limit);
    INSERT INTO month_ends (tenant_id, month, currency)
        SELECT a.tenant_id, p_month, a.currency FROM billing_accounts a
        WHERE a.tenant_id = ANY (v_ids) AND a.created_at < croft_month_end_at(p_month) ORDER BY a.tenant_id ON CONFLICT DO NOTHING;
    UPDATE month_runs SET opened_to = coalesce(v_ids[cardinality(v_ids)], opened_to), opened_at = CASE WHEN cardinality(v_ids) < p_limit THEN now() END
        WHERE month = p_month;
    RETURN cardinality(v_ids) = p_limit;
END
$$;

-- Months that are over and not opened yet: those since the last one that was, at first the last one alone.
CREATE OR REPLACE FUNCTION croft_months_open_due(p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_last date := (date_trunc('month', p_now AT TIME ZONE 'UTC') - interval '1 month')::date;
    v_next date := (SELECT CASE WHEN r.opened_at IS NULL THEN r.month ELSE (r.month + interval '1 month')::date END
        FROM month_runs r ORDER BY r.month DESC LIMIT 1);
BEGIN
    RETURN coalesce(v_next, v_last) <= v_last AND pg_try_advisory_xact_lock(hashtext('croft_month_open'))
        AND (croft_month_open(coalesce(v_next, v_last)) OR v_next < v_last);
END
$$;

-- Nodes whose guests ran to the end of the month and that have not told of them up to there. What a node spooled comes in order, so
-- one report of any guest from after the end says that everything before it is here: it is looked for, not gathered from all guests.
CREATE OR REPLACE FUNCTION croft_month_waits(p_tenant uuid, p_end timestamptz) RETURNS uuid[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(n.node_id), '{}') FROM (
        SELECT DISTINCT v.node_id FROM tenants t JOIN vps_periods p ON p.tenant_id = t.id AND p.state = 'running' AND p.from_ts < p_end
            AND coalesce(p.to_ts >= p_end, true)
        JOIN vps v ON v.id = p.vps_id AND v.lost_at IS NULL AND v.node_id IS NOT NULL
        WHERE t.path @> ARRAY[p_tenant]) n
    WHERE NOT EXISTS (SELECT FROM vps v JOIN usage_marks k ON k.vps_id = v.id AND k.ts >= p_end WHERE v.node_id = n.node_id));
END
$$;

-- Why somebody has to look at a draft before it goes out; null: nobody.
CREATE OR REPLACE FUNCTION croft_month_review(a billing_accounts, i invoices) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_last numeric := (SELECT total FROM invoices WHERE tenant_id = a.tenant_id AND kind = 'invoice' AND state IN ('final', 'paid')
        AND currency = i.currency ORDER BY month DESC, issued_at DESC LIMIT 1);
BEGIN
    RETURN CASE
        WHEN (SELECT coalesce(sum(amount), 0) || ' ' || coalesce(sum(tax_amount), 0) FROM invoice_lines WHERE invoice_id = i.id) <> i.net || ' ' || i.tax
            OR NOT croft_invoice_current(i) THEN 'The lines are not what was charged, or do not sum to the total.'
        WHEN EXISTS (SELECT FROM croft_verify_ledger(a.tenant_id)) THEN 'The ledger of the account does not agree with itself.'
        WHEN i.total < 0 THEN 'The total is negative.'
        WHEN i.total >= 10 * v_last AND v_last > 0 THEN format('The total is %s, tenfold the last one (%s).',
            croft_money_text(i.total, i.currency), croft_money_text(v_last, i.currency))
        WHEN EXISTS (SELECT FROM invoice_lines WHERE invoice_id = i.id AND unit_price IS NULL AND amount = 0) THEN 'A line has no price in the currency of the account.'
        END;
END
$$;

CREATE OR REPLACE FUNCTION croft_month_go(p_id uuid, p_step text, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE month_ends SET step = p_step, state = CASE p_step WHEN 'done' THEN 'done' ELSE 'active' END, review = NULL, error = NULL, attempts = 0,
        next_at = p_now, updated_at = now() WHERE id = p_id;
END
$$;

-- What a person did for an account: its month goes on from there.
CREATE OR REPLACE FUNCTION croft_month_end_finalised(i invoices) RETURNS void LANGUAGE sql AS $$
    SELECT croft_month_go(m.id, 'send', now()) FROM month_ends m WHERE m.invoice_id = i.id
$$;

CREATE OR REPLACE FUNCTION croft_month_check(m month_ends, a billing_accounts, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i invoices := croft_invoice_draft(a, m.month);
    v_review text;
BEGIN
    IF i.id IS NULL THEN
        PERFORM croft_month_go(m.id, 'done', p_now); -- nothing to ask for
        RETURN;
    END IF;
    UPDATE month_ends SET invoice_id = i.id WHERE id = m.id;
    v_review := CASE WHEN NOT m.approved THEN croft_month_review(a, i) END;
    IF v_review IS NULL THEN
        PERFORM croft_month_go(m.id, 'finalise', p_now);
    ELSE
        UPDATE month_ends SET state = 'review', review = v_review, updated_at = now() WHERE id = m.id;
        PERFORM croft_changed('month_end.review', a.seller_id, 'month_end', m.id, '{"state":"active"}', jsonb_build_object('state', 'review',
            'tenant_id', a.tenant_id, 'invoice_id', i.id, 'review', v_review));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_month_finalise(m month_ends, a billing_accounts, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i invoices;
BEGIN
    SELECT * INTO STRICT i FROM invoices WHERE id = m.invoice_id FOR NO KEY UPDATE;
    IF i.state <> 'draft' THEN
        PERFORM croft_month_go(m.id, 'send', p_now);
    ELSIF NOT croft_invoice_current(i) THEN
        UPDATE month_ends SET approved = false WHERE id = m.id; -- it was another draft that somebody looked at
        PERFORM croft_month_go(m.id, 'check', p_now);
    ELSE
        PERFORM croft_invoice_finalise(i, a, p_now);
        PERFORM croft_month_go(m.id, 'send', p_now);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_month_send(m month_ends, a billing_accounts, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i invoices;
BEGIN
    UPDATE invoices SET sent_at = p_now WHERE id = m.invoice_id AND sent_at IS NULL RETURNING * INTO i;
    IF FOUND THEN
        PERFORM croft_billing_mail(a, i.kind, i.id, croft_invoice_mail_args(i) || jsonb_build_object('invoice', '', 'reason', coalesce(i.reason, '')));
        PERFORM croft_changed(i.kind || '.sent', i.tenant_id, i.kind, i.id, '{"sent":false}', '{"sent":true}');
    END IF;
    PERFORM croft_month_go(m.id, 'done', p_now);
END
$$;

-- One step of one account, which the caller holds.
CREATE OR REPLACE FUNCTION croft_month_step(m month_ends, a billing_accounts, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_end timestamptz := croft_month_end_at(m.month);
    v_nodes uuid[];
BEGIN
    CASE m.step
        WHEN 'freeze' THEN
            -- From here on what is used late is an adjustment of a later month.
            UPDATE month_ends SET deadline_at = v_end + interval '24 hours', currency = a.currency WHERE id = m.id;
            PERFORM croft_month_go(m.id, 'wait', p_now);
        WHEN 'wait' THEN
            v_nodes := croft_month_waits(m.tenant_id, v_end);
            UPDATE month_ends SET waiting_for = v_nodes, late = cardinality(v_nodes) > 0, next_at = least(p_now + interval '5 minutes', deadline_at)
                WHERE id = m.id;
            IF cardinality(v_nodes) = 0 OR p_now >= m.deadline_at THEN
                PERFORM croft_month_go(m.id, 'rate', p_now); -- past the deadline gaps stand
            END IF;
        WHEN 'rate' THEN
            PERFORM croft_charge(m.tenant_id, l.month) FROM month_ends l
                WHERE l.tenant_id = m.tenant_id AND l.month = (m.month - interval '1 month')::date AND l.late;
            PERFORM croft_charge(m.tenant_id, m.month);
            PERFORM croft_month_go(m.id, 'check', p_now);
        WHEN 'check' THEN PERFORM croft_month_check(m, a, p_now);
        WHEN 'finalise' THEN PERFORM croft_month_finalise(m, a, p_now);
        WHEN 'send' THEN PERFORM croft_month_send(m, a, p_now);
    END CASE;
END
$$;

-- The accounts that are due, at most so many, which are then held: several servers at once take different ones. A later month of an account
-- waits for the one before it. By seller, so that two that finalise ask for numbers in one order. Looked up in the order of the index,
-- whatever the sizes of the tables were when it was planned: a plan that reads all of them would make the month's end of n accounts cost n².
CREATE OR REPLACE FUNCTION croft_month_ends_next(p_limit int, p_now timestamptz) RETURNS TABLE (id uuid, tenant_id uuid) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    RETURN QUERY SELECT d.id, d.tenant_id FROM (SELECT e.id, c.tenant_id, c.seller_id FROM month_ends e JOIN billing_accounts c ON c.tenant_id = e.tenant_id
            WHERE e.state = 'active' AND e.next_at <= p_now AND croft_month_end_at(e.month) <= p_now
                AND NOT EXISTS (SELECT FROM month_ends o WHERE o.tenant_id = e.tenant_id AND o.month < e.month AND o.state <> 'done')
            ORDER BY e.next_at LIMIT p_limit FOR NO KEY UPDATE OF c SKIP LOCKED) d ORDER BY d.seller_id, d.tenant_id;
END
$$;

-- The next step of those; returns how many. One that fails is tried again later and says why.
CREATE OR REPLACE FUNCTION croft_month_ends_due(p_limit int, p_now timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    x record;
    m month_ends;
    a billing_accounts;
    v_until timestamptz := clock_timestamp() + croft_chore_time();
    v_count int := 0;
BEGIN
    FOR x IN SELECT * FROM croft_month_ends_next(p_limit, p_now) LOOP
        EXIT WHEN v_count > 0 AND clock_timestamp() > v_until;
        SELECT * INTO m FROM month_ends WHERE id = x.id AND state = 'active' AND next_at <= p_now FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT * INTO STRICT a FROM billing_accounts WHERE tenant_id = x.tenant_id;
        BEGIN
            PERFORM croft_month_step(m, a, p_now);
        EXCEPTION WHEN OTHERS THEN
            UPDATE month_ends SET attempts = attempts + 1, error = left(SQLERRM, 500), updated_at = now(),
                next_at = p_now + least(interval '1 minute' * power(2, least(attempts, 8)), interval '1 hour') WHERE id = m.id;
        END;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- {step}. A bounded step of what billing has to do though nobody asks, in a transaction of its own. "more": come back at once. Sessions keep their
-- plans, and before the first month's end there are no charges and no invoices: what is planned then must not read whole tables later.
CREATE OR REPLACE FUNCTION croft_billing_chores(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_count int := 0;
    v_opened boolean := false;
BEGIN
    CASE p_request->>'step'
        WHEN 'month_ends' THEN
            v_opened := croft_months_open_due(now());
            v_count := croft_month_ends_due(25);
        WHEN 'prepaid' THEN v_count := croft_prepaid_due();
        WHEN 'reminders' THEN v_count := croft_reminders_due(25);
        WHEN 'overdue_accounts' THEN v_count := croft_overdue_due();
        WHEN 'credits' THEN
            v_count := croft_credits_expire(100);
            DELETE FROM payment_notices WHERE ctid IN (SELECT ctid FROM payment_notices
                WHERE received_at < now() - interval '90 days' LIMIT 1000);
    END CASE;
    RETURN jsonb_build_object('done', v_count, 'more', v_count > 0 OR v_opened);
END
$$;

-- ---- What operators do, and resellers for those below them

CREATE OR REPLACE FUNCTION croft_month_summary_json(p_month date) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('month', to_char(p_month, 'YYYY-MM'),
        'accounts', (SELECT coalesce(json_object_agg(s.state, s.n), '{}') FROM (SELECT state, count(*) AS n FROM month_ends WHERE month = p_month GROUP BY state) s),
        'totals', (SELECT coalesce(json_agg(json_build_object('currency', t.currency, 'invoices', t.n, 'net', croft_money_text(t.net, t.currency),
                'tax', croft_money_text(t.tax, t.currency), 'total', croft_money_text(t.total, t.currency)) ORDER BY t.currency), '[]')
            FROM (SELECT i.currency, count(*) AS n, sum(i.net) AS net, sum(i.tax) AS tax, sum(i.total) AS total
                FROM month_ends m JOIN invoices i ON i.id = m.invoice_id WHERE m.month = p_month GROUP BY i.currency) t))
$$;

CREATE OR REPLACE FUNCTION croft_month(p_value text, p_pointer text) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_value !~ '^2[0-9]{3}-(0[1-9]|1[0-2])$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A month is written as 2026-11.', p_pointer);
    END IF;
    RETURN to_date(p_value, 'YYYY-MM');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_month_end_start(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    r croft_answer := croft_idempotency_begin(p_req);
    v_month date := croft_month(p_req->'body'->>'month', '/month');
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    ELSIF croft_month_end_at(v_month) > now() THEN
        PERFORM croft_raise(409, 'conflict', 'This month is not over.', '/month');
    ELSIF EXISTS (SELECT FROM month_runs WHERE month > v_month) AND NOT EXISTS (SELECT FROM month_runs WHERE month = v_month) THEN
        PERFORM croft_raise(409, 'conflict', 'A later month was begun: what is left of this one is charged with the next.', '/month');
    END IF;
    IF NOT EXISTS (SELECT FROM month_runs WHERE month = v_month) THEN
        PERFORM croft_changed('month_end.started', croft_root(), 'month_end', NULL, NULL, jsonb_build_object('month', to_char(v_month, 'YYYY-MM')));
    END IF;
    PERFORM croft_month_open(v_month);
    RETURN croft_idempotency_end(p_req, (202, croft_month_summary_json(v_month)::text, NULL, NULL)::croft_answer);
END
$$;

-- p_sold: only of an account that the reseller who asks sells to; else of any.
CREATE OR REPLACE FUNCTION croft_month_end_lock(p_id uuid, p_sold boolean) RETURNS month_ends LANGUAGE plpgsql AS $$
DECLARE
    v_seller uuid := CASE WHEN p_sold THEN croft_selling() END;
    m month_ends;
BEGIN
    SELECT e.* INTO m FROM month_ends e JOIN billing_accounts a ON a.tenant_id = e.tenant_id
        WHERE e.id = p_id AND (NOT p_sold OR a.seller_id = v_seller);
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('month end');
    END IF;
    PERFORM croft_account_lock(m.tenant_id);
    SELECT * INTO STRICT m FROM month_ends WHERE id = p_id FOR NO KEY UPDATE;
    RETURN m;
END
$$;

CREATE OR REPLACE FUNCTION croft_month_end_ordered(m month_ends, p_action text, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := jsonb_build_object('state', m.state, 'step', m.step, 'review', m.review);
BEGIN
    SELECT * INTO STRICT m FROM month_ends WHERE id = m.id;
    PERFORM croft_changed(p_action, m.tenant_id, 'month_end', m.id, v_before, jsonb_build_object('state', m.state, 'step', m.step, 'review', m.review));
    RETURN (200, CASE WHEN p_sold THEN croft_child_month_end_json(m) ELSE croft_month_end_json(m) END::text, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_month_end_approve_any(p_req jsonb, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    m month_ends := croft_month_end_lock((p_req->>'id')::uuid, p_sold);
BEGIN
    IF m.state <> 'review' THEN
        PERFORM croft_raise(409, 'conflict', 'Nobody has to look at this month.');
    END IF;
    UPDATE month_ends SET approved = true WHERE id = m.id;
    PERFORM croft_month_go(m.id, 'finalise', now());
    RETURN croft_month_end_ordered(m, 'month_end.approved', p_sold);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_month_end_approve(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_month_end_approve_any(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_child_month_end_approve(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_month_end_approve_any(p_req, true)
$$;

CREATE OR REPLACE FUNCTION croft_month_end_retry_any(p_req jsonb, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    m month_ends := croft_month_end_lock((p_req->>'id')::uuid, p_sold);
BEGIN
    IF m.state = 'done' OR EXISTS (SELECT FROM invoices WHERE id = m.invoice_id AND state <> 'draft') THEN
        PERFORM croft_raise(409, 'conflict', 'The invoice of this month is final: what comes to light later is charged with the next.');
    END IF;
    UPDATE month_ends SET approved = false WHERE id = m.id;
    PERFORM croft_month_go(m.id, CASE WHEN m.step IN ('freeze', 'wait') THEN m.step ELSE 'rate' END, now());
    RETURN croft_month_end_ordered(m, 'month_end.retried', p_sold);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_month_end_retry(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_month_end_retry_any(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_child_month_end_retry(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_month_end_retry_any(p_req, true)
$$;
