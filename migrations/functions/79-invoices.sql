-- Invoices: drafts made from charges, finalised, paid, voided, corrected. Who calls these holds the account.

CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');

-- What is final stays what it is: only that it was paid, sent or voided may follow.
CREATE OR REPLACE FUNCTION croft_invoice_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_free text[] := '{state,settled,paid_at,voided_at,sent_at}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an invoice is not deleted' USING ERRCODE = 'check_violation';
    ELSIF NEW.state = 'void' AND OLD.state = 'final' THEN
        v_free := v_free || '{reason}';
    END IF;
    IF to_jsonb(OLD) - v_free <> to_jsonb(NEW) - v_free THEN
        RAISE EXCEPTION 'the invoice % is final and does not change', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER fixed BEFORE UPDATE ON invoices FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION croft_invoice_fixed();
CREATE OR REPLACE TRIGGER fixed_all BEFORE DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION croft_invoice_fixed();

CREATE OR REPLACE FUNCTION croft_invoice_line_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR NOT EXISTS (SELECT FROM invoices i
            WHERE i.id = CASE TG_OP WHEN 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END AND i.state = 'draft') THEN
        RAISE EXCEPTION 'a line of an invoice that is final does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE OR REPLACE TRIGGER fixed BEFORE INSERT OR UPDATE OR DELETE ON invoice_lines FOR EACH ROW EXECUTE FUNCTION croft_invoice_line_fixed();

-- Sums of the lines, and of their taxes by name and rate.
CREATE OR REPLACE FUNCTION croft_invoice_sum(p_invoice uuid) RETURNS invoices LANGUAGE sql AS $$
    UPDATE invoices i SET net = s.net, tax = s.tax, total = s.net + s.tax, taxes = s.taxes
    FROM (SELECT coalesce(sum(t.net), 0) AS net, coalesce(sum(t.tax), 0) AS tax, coalesce(jsonb_agg(jsonb_build_object('name', t.tax_name,
                'rate', t.tax_rate::text, 'net', t.net::text, 'tax', t.tax::text) ORDER BY t.tax_rate DESC, t.tax_name), '[]') AS taxes
        FROM (SELECT l.tax_name, l.tax_rate, sum(l.amount) AS net, sum(l.tax_amount) AS tax FROM invoice_lines l
            WHERE l.invoice_id = p_invoice GROUP BY l.tax_name, l.tax_rate) t) s
    WHERE i.id = p_invoice RETURNING i.*
$$;

-- The draft of everything that was charged up to that month and is on no invoice; the same draft again if there is one. Null: nothing was charged.
CREATE OR REPLACE FUNCTION croft_invoice_draft(a billing_accounts, p_month date) RETURNS invoices LANGUAGE plpgsql AS $$
DECLARE
    i invoices;
BEGIN
    SELECT * INTO i FROM invoices WHERE tenant_id = a.tenant_id AND state = 'draft' AND kind = 'invoice' FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM charges c WHERE c.account_id = a.tenant_id AND c.invoice_id IS NULL AND c.month <= p_month AND c.currency = a.currency) THEN
        RETURN NULL;
    ELSIF i.id IS NULL THEN
        INSERT INTO invoices (tenant_id, seller_id, kind, month, currency) VALUES (a.tenant_id, a.seller_id, 'invoice', p_month, a.currency)
            RETURNING * INTO i;
    ELSE
        UPDATE invoices SET month = p_month, currency = a.currency WHERE id = i.id;
        DELETE FROM invoice_lines WHERE invoice_id = i.id;
    END IF;
    INSERT INTO invoice_lines (invoice_id, position, charge_id, description, vps_id, location_id, meter, from_ts, to_ts, quantity, unit,
        unit_price, amount, tax_name, tax_rate, tax_amount)
    SELECT i.id, row_number() OVER (ORDER BY c.month, c.tenant_id, c.vps_id, c.from_ts, c.key, c.rated_at, c.id), c.id, c.description, c.vps_id, c.location_id,
        c.meter, c.from_ts, c.to_ts, c.quantity, c.unit, c.unit_price, c.amount, c.tax_name, c.tax_rate, c.tax_amount
    FROM charges c WHERE c.account_id = a.tenant_id AND c.invoice_id IS NULL AND c.month <= p_month AND c.currency = a.currency;
    RETURN croft_invoice_sum(i.id);
END
$$;

-- Whether the draft still has every charge that it should, and no other.
CREATE OR REPLACE FUNCTION croft_invoice_current(i invoices) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT NOT EXISTS (SELECT FROM (SELECT c.id, c.amount, c.tax_amount FROM charges c
            WHERE c.account_id = i.tenant_id AND c.invoice_id IS NULL AND c.month <= i.month AND c.currency = i.currency) c
        FULL JOIN (SELECT l.charge_id, l.amount, l.tax_amount FROM invoice_lines l WHERE l.invoice_id = i.id) l ON l.charge_id = c.id
        WHERE c.id IS NULL OR l.charge_id IS NULL OR c.amount <> l.amount OR c.tax_amount <> l.tax_amount));
END
$$;

CREATE OR REPLACE FUNCTION croft_invoice_buyer(a billing_accounts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('name', t.name, 'company', a.company, 'contact', a.contact, 'email', a.email, 'address_lines', to_jsonb(a.address_lines),
        'postal_code', a.postal_code, 'city', a.city, 'region', a.region, 'country', a.country, 'vat_id', a.vat_id, 'footer', '')
    FROM tenants t WHERE t.id = a.tenant_id
$$;

CREATE OR REPLACE FUNCTION croft_invoice_seller(p_seller uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('name', t.name, 'company', s.company, 'contact', NULL, 'email', s.email,
        'address_lines', coalesce(to_jsonb(s.address_lines), '[]'), 'postal_code', s.postal_code, 'city', s.city, 'region', s.region,
        'country', s.country, 'vat_id', s.vat_id, 'footer', coalesce(s.footer, ''))
    FROM tenants t LEFT JOIN billing_sellers s ON s.tenant_id = t.id WHERE t.id = p_seller
$$;

-- The draft becomes final: its number, who buys and sells as of now, the booking. p_now: only tests say another time than now.
CREATE OR REPLACE FUNCTION croft_invoice_number(i invoices, a billing_accounts, p_now timestamptz) RETURNS invoices LANGUAGE plpgsql AS $$
DECLARE
    v_year int := extract(year FROM p_now AT TIME ZONE 'UTC');
    v_sequence int;
BEGIN
    -- The last lock of all that finalising takes: whoever sells much finalises one after another.
    INSERT INTO invoice_numbers AS n (seller_id, kind, year, last) VALUES (i.seller_id, i.kind, v_year, 1)
        ON CONFLICT (seller_id, kind, year) DO UPDATE SET last = n.last + 1 RETURNING last INTO v_sequence;
    UPDATE invoices SET state = 'final', year = v_year, sequence = v_sequence,
        number = coalesce((SELECT s.number_prefix FROM billing_sellers s WHERE s.tenant_id = i.seller_id), '')
            || CASE i.kind WHEN 'credit_note' THEN 'CN-' ELSE '' END || v_year || '-' || lpad(v_sequence::text, greatest(5, length(v_sequence::text)), '0'),
        buyer = croft_invoice_buyer(a), seller = croft_invoice_seller(i.seller_id), issued_at = p_now,
        due_at = CASE i.kind WHEN 'invoice' THEN p_now + make_interval(days => a.due_days) END
    WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_book(i.tenant_id, i.currency, i.kind, i.id, CASE i.kind WHEN 'invoice' THEN 'Invoice ' ELSE 'Credit note ' END || i.number,
        jsonb_build_object('receivable', i.total, 'revenue', -i.net, 'tax', -i.tax));
    RETURN i;
END
$$;

CREATE OR REPLACE FUNCTION croft_invoice_finalise(i invoices, a billing_accounts, p_now timestamptz DEFAULT now()) RETURNS invoices LANGUAGE plpgsql AS $$
BEGIN
    IF i.total < 0 THEN -- more was given back than asked for
        UPDATE invoices SET kind = 'credit_note', reason = coalesce(reason, 'Corrections of earlier months') WHERE id = i.id RETURNING * INTO i;
    END IF;
    i := croft_invoice_number(i, a, p_now);
    UPDATE charges c SET invoice_id = i.id FROM invoice_lines l WHERE l.invoice_id = i.id AND c.id = l.charge_id;
    PERFORM croft_changed(i.kind || '.finalised', i.tenant_id, i.kind, i.id, NULL, croft_invoice_json(i)::jsonb);
    PERFORM croft_settle_account(a, p_now);
    SELECT * INTO i FROM invoices WHERE id = i.id;
    RETURN i;
END
$$;

-- ---- What an operator or a seller does to one

-- p_sold: only one that the reseller who asks has sold; else any.
CREATE OR REPLACE FUNCTION croft_invoice_lock(p_id uuid, p_sold boolean, OUT i invoices, OUT a billing_accounts) LANGUAGE plpgsql AS $$
DECLARE
    v_seller uuid := CASE WHEN p_sold THEN croft_selling() END;
BEGIN
    SELECT x.tenant_id INTO i.tenant_id FROM invoices x WHERE x.id = p_id AND (NOT p_sold OR x.seller_id = v_seller);
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('invoice');
    END IF;
    a := croft_account_lock(i.tenant_id);
    SELECT * INTO STRICT i FROM invoices x WHERE x.id = p_id FOR NO KEY UPDATE;
END
$$;

CREATE OR REPLACE FUNCTION croft_invoice_answer(p_id uuid, p_status int DEFAULT 200) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (p_status, croft_invoice_detail_json(i)::text, NULL, NULL)::croft_answer FROM invoices i WHERE i.id = p_id
$$;

CREATE OR REPLACE FUNCTION croft_invoice_finalise_any(p_req jsonb, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    x record := croft_invoice_lock((p_req->>'id')::uuid, p_sold);
    i invoices := x.i;
BEGIN
    IF i.state <> 'draft' THEN
        PERFORM croft_raise(409, 'conflict', 'The invoice is no draft.');
    ELSIF NOT croft_invoice_current(i) THEN
        PERFORM croft_raise(409, 'conflict', 'More was charged since the draft was made: try its month end again.');
    END IF;
    PERFORM croft_month_end_finalised(croft_invoice_finalise(i, x.a));
    RETURN croft_invoice_answer(i.id);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_invoice_finalise(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_invoice_finalise_any(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_child_invoice_finalise(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_invoice_finalise_any(p_req, true)
$$;

-- Of one that is not paid in whole: what was paid of it becomes balance again.
CREATE OR REPLACE FUNCTION croft_invoice_void_any(p_req jsonb, p_sold boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    x record := croft_invoice_lock((p_req->>'id')::uuid, p_sold);
    i invoices := x.i;
    a billing_accounts := x.a;
    v_before jsonb := croft_invoice_json(i)::jsonb;
BEGIN
    IF i.state <> 'final' OR i.kind <> 'invoice' OR EXISTS (SELECT FROM invoices c WHERE c.corrects = i.id) THEN
        PERFORM croft_raise(409, 'conflict', 'Only an invoice that is final, not paid and not corrected can be voided: make a credit note.');
    END IF;
    PERFORM croft_settlements_release(i);
    UPDATE invoices SET state = 'void', settled = 0, voided_at = now(), reason = p_req->'body'->>'reason' WHERE id = i.id RETURNING * INTO i;
    PERFORM croft_book(i.tenant_id, i.currency, 'void', i.id, 'Void: invoice ' || i.number,
        jsonb_build_object('receivable', -i.total, 'revenue', i.net, 'tax', i.tax));
    PERFORM croft_changed('invoice.voided', i.tenant_id, 'invoice', i.id, v_before, croft_invoice_json(i)::jsonb);
    PERFORM croft_settle_account(a);
    RETURN croft_invoice_answer(i.id);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_invoice_void(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_invoice_void_any(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_child_invoice_void(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_invoice_void_any(p_req, true)
$$;

-- A correction is a document of its own. What it gives back pays the invoice first, also instead of what has paid it; what is left is balance.
CREATE OR REPLACE FUNCTION croft_credit_note_make(i invoices, a billing_accounts, p_lines uuid[], p_reason text) RETURNS invoices LANGUAGE plpgsql AS $$
DECLARE
    n invoices;
BEGIN
    IF i.kind <> 'invoice' OR i.state NOT IN ('final', 'paid') THEN
        PERFORM croft_raise(409, 'conflict', 'Only an invoice that is final or paid is corrected.');
    END IF;
    INSERT INTO invoices (tenant_id, seller_id, kind, month, currency, corrects, reason)
        VALUES (i.tenant_id, i.seller_id, 'credit_note', i.month, i.currency, i.id, p_reason) RETURNING * INTO n;
    INSERT INTO invoice_lines (invoice_id, position, corrects_line, description, vps_id, location_id, meter, from_ts, to_ts, quantity, unit,
        unit_price, amount, tax_name, tax_rate, tax_amount)
    SELECT n.id, row_number() OVER (ORDER BY l.position), l.id, l.description, l.vps_id, l.location_id, l.meter, l.from_ts, l.to_ts, -l.quantity,
        l.unit, l.unit_price, -l.amount, l.tax_name, l.tax_rate, -l.tax_amount
    FROM invoice_lines l WHERE l.invoice_id = i.id AND (l.id = ANY (p_lines)
        OR p_lines IS NULL AND NOT EXISTS (SELECT FROM invoice_lines c WHERE c.corrects_line = l.id));
    IF NOT FOUND OR (SELECT count(*) FROM invoice_lines WHERE invoice_id = n.id) <> coalesce(cardinality(p_lines), (SELECT count(*)
            FROM invoice_lines WHERE invoice_id = n.id)) THEN
        PERFORM croft_raise(422, 'invalid_value', 'These are not lines of the invoice that are left to correct.', '/lines');
    END IF;
    n := croft_invoice_sum(n.id);
    IF n.total > 0 THEN
        PERFORM croft_raise(422, 'invalid_value', 'These lines give back more than they ask for: nothing is left to correct.', '/lines');
    END IF;
    n := croft_invoice_number(n, a, now());
    PERFORM croft_changed('credit_note.finalised', n.tenant_id, 'credit_note', n.id, NULL, croft_invoice_json(n)::jsonb);
    PERFORM croft_credit_note_exchange(i, n);
    PERFORM croft_settle_account(a);
    PERFORM croft_billing_mail(a, 'credit_note', n.id, croft_invoice_mail_args(n) || jsonb_build_object('invoice', i.number, 'reason', p_reason));
    RETURN n;
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'A line is corrected once.', '/lines');
END
$$;

CREATE OR REPLACE FUNCTION croft_line_id(p_value text, p_place bigint) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN p_value::uuid;
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_raise(422, 'invalid_value', 'This is no id.', '/lines/' || p_place);
END
$$;

CREATE OR REPLACE FUNCTION croft_credit_note_create_any(p_req jsonb, p_sold boolean, p_base text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    r croft_answer := croft_idempotency_begin(p_req);
    x record;
    n invoices;
    v_lines uuid[] := (SELECT array_agg(DISTINCT croft_line_id(e.line, e.place - 1))
        FROM jsonb_array_elements_text(p_req->'body'->'lines') WITH ORDINALITY e (line, place));
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;
    SELECT * INTO x FROM croft_invoice_lock((p_req->>'id')::uuid, p_sold);
    n := croft_credit_note_make(x.i, x.a, v_lines, p_req->'body'->>'reason');
    r := croft_invoice_answer(n.id, 201);
    r.location := p_base || n.id;
    RETURN croft_idempotency_end(p_req, r);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_credit_note_create(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_credit_note_create_any(p_req, false, '/v1/admin/invoices/')
$$;

CREATE OR REPLACE FUNCTION croft_child_credit_note_create(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_credit_note_create_any(p_req, true, '/v1/invoices/')
$$;
