-- Recomputes what money is counted by. No row: all is as it should be.

-- The books of one account, or of all.
CREATE OR REPLACE FUNCTION croft_verify_ledger(p_tenant uuid DEFAULT NULL)
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text) LANGUAGE sql STABLE AS $$
    SELECT 'ledger_entry', p.entry_id, 'sum', sum(p.amount)::text, '0' FROM ledger_postings p
    WHERE p.tenant_id BETWEEN coalesce(p_tenant, croft_uuid_min()) AND coalesce(p_tenant, croft_uuid_max()) GROUP BY p.entry_id HAVING sum(p.amount) <> 0
    UNION ALL
    SELECT 'ledger_entry', e.id, 'postings', '0', 'some' FROM ledger_entries e
    WHERE e.tenant_id BETWEEN coalesce(p_tenant, croft_uuid_min()) AND coalesce(p_tenant, croft_uuid_max()) AND NOT EXISTS (SELECT FROM ledger_postings p WHERE p.entry_id = e.id)
    UNION ALL
    SELECT 'ledger_account', a.id, a.kind, a.balance::text, coalesce(p.amount, 0)::text FROM ledger_accounts a
    LEFT JOIN (SELECT x.account_id, sum(x.amount) AS amount FROM ledger_postings x WHERE x.tenant_id BETWEEN coalesce(p_tenant, croft_uuid_min()) AND coalesce(p_tenant, croft_uuid_max()) GROUP BY x.account_id) p
        ON p.account_id = a.id
    WHERE a.tenant_id BETWEEN coalesce(p_tenant, croft_uuid_min()) AND coalesce(p_tenant, croft_uuid_max()) AND a.balance <> coalesce(p.amount, 0)
    UNION ALL
    SELECT 'ledger', a.tenant_id, a.currency, sum(a.balance)::text, '0' FROM ledger_accounts a
    WHERE a.tenant_id BETWEEN coalesce(p_tenant, croft_uuid_min()) AND coalesce(p_tenant, croft_uuid_max()) GROUP BY a.tenant_id, a.currency HAVING sum(a.balance) <> 0
$$;

-- Invoices against their lines, taxes, numbers and charges.
CREATE OR REPLACE FUNCTION croft_verify_invoices()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text) LANGUAGE sql STABLE AS $$
    SELECT 'invoice', i.id, 'total', i.net || ' ' || i.tax || ' ' || i.total, coalesce(l.net, 0) || ' ' || coalesce(l.tax, 0) || ' ' || coalesce(l.net + l.tax, 0)
    FROM invoices i LEFT JOIN (SELECT invoice_id, sum(amount) AS net, sum(tax_amount) AS tax FROM invoice_lines GROUP BY invoice_id) l ON l.invoice_id = i.id
    WHERE i.net <> coalesce(l.net, 0) OR i.tax <> coalesce(l.tax, 0) OR i.total <> i.net + i.tax
    UNION ALL
    SELECT 'invoice', i.id, 'taxes', i.taxes::text, i.net || ' ' || i.tax FROM invoices i
    CROSS JOIN LATERAL (SELECT coalesce(sum((t->>'net')::numeric), 0) AS net, coalesce(sum((t->>'tax')::numeric), 0) AS tax FROM jsonb_array_elements(i.taxes) t) t
    WHERE t.net <> i.net OR t.tax <> i.tax
    UNION ALL
    -- A number is what was counted: none is missing, none is beyond the last.
    SELECT 'invoice_numbers', n.seller_id, n.kind || ' ' || n.year, n.last::text, coalesce(c.count, 0) || ' up to ' || coalesce(c.top, 0)
    FROM invoice_numbers n LEFT JOIN (SELECT seller_id, kind, year, count(*) AS count, max(sequence) AS top FROM invoices WHERE sequence IS NOT NULL
        GROUP BY seller_id, kind, year) c USING (seller_id, kind, year)
    WHERE n.last <> coalesce(c.count, 0) OR n.last <> coalesce(c.top, 0)
    UNION ALL
    SELECT 'invoice', i.id, 'number', i.number, 'counted' FROM invoices i
    WHERE i.sequence IS NOT NULL AND NOT EXISTS (SELECT FROM invoice_numbers n WHERE (n.seller_id, n.kind, n.year) = (i.seller_id, i.kind, i.year))
    UNION ALL
    SELECT 'charge', c.id, 'invoice', coalesce(c.invoice_id::text, 'none'), coalesce(i.id::text, 'none') FROM charges c
    LEFT JOIN invoice_lines l ON l.charge_id = c.id LEFT JOIN invoices i ON i.id = l.invoice_id AND i.state <> 'draft'
    WHERE c.invoice_id IS DISTINCT FROM i.id
    UNION ALL
    SELECT 'charge', c.id, 'amount', c.amount || ' ' || c.tax_amount, l.amount || ' ' || l.tax_amount
    FROM invoice_lines l JOIN charges c ON c.id = l.charge_id JOIN invoices i ON i.id = l.invoice_id AND i.state <> 'draft'
    WHERE (c.amount, c.tax_amount) <> (l.amount, l.tax_amount)
    UNION ALL
    SELECT 'invoice', i.id, 'booked', i.total::text, coalesce(b.amount, 0)::text FROM invoices i
    LEFT JOIN (SELECT e.reference_id, e.kind, sum(p.amount) AS amount FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id
        JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'receivable' WHERE e.kind IN ('invoice', 'credit_note') GROUP BY e.reference_id, e.kind) b
        ON b.reference_id = i.id AND b.kind = i.kind
    WHERE i.state <> 'draft' AND i.total <> coalesce(b.amount, 0)
$$;

-- What paid what: each source gave what it has lost, and the balance of an account is what is left of its payments less what is open.
CREATE OR REPLACE FUNCTION croft_verify_settlements()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text) LANGUAGE sql STABLE AS $$
    WITH by_invoice AS (
        SELECT s.invoice_id, sum(s.amount) AS amount FROM settlements s GROUP BY s.invoice_id
    ), by_note AS (
        SELECT s.credit_note_id, sum(s.amount) AS amount FROM settlements s WHERE s.credit_note_id IS NOT NULL GROUP BY s.credit_note_id
    )
    SELECT 'invoice', i.id, 'settled', i.settled::text, (coalesce(b.amount, 0) - coalesce(n.amount, 0))::text
    FROM invoices i LEFT JOIN by_invoice b ON b.invoice_id = i.id LEFT JOIN by_note n ON n.credit_note_id = i.id
    WHERE i.settled <> coalesce(b.amount, 0) - coalesce(n.amount, 0)
    UNION ALL
    SELECT 'invoice', i.id, 'state', i.state, CASE WHEN i.settled = i.total THEN 'paid' ELSE 'final' END FROM invoices i
    WHERE i.state IN ('final', 'paid') AND (i.state = 'paid') <> (i.settled = i.total)
    UNION ALL
    SELECT 'payment', p.id, 'unallocated', p.unallocated::text, (p.amount - p.refunded - coalesce(s.amount, 0))::text
    FROM payments p LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM settlements WHERE payment_id IS NOT NULL GROUP BY payment_id) s ON s.payment_id = p.id
    WHERE p.state IN ('succeeded', 'refunded') AND p.unallocated <> p.amount - p.refunded - coalesce(s.amount, 0)
    UNION ALL
    SELECT 'payment', p.id, 'refunded', p.refunded::text, coalesce(r.amount, 0)::text
    FROM payments p LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM payment_refunds GROUP BY payment_id) r ON r.payment_id = p.id
    WHERE p.refunded <> coalesce(r.amount, 0)
    UNION ALL
    SELECT 'credit', c.id, 'remaining', c.remaining::text, (c.amount - coalesce(s.amount, 0))::text
    FROM credits c LEFT JOIN (SELECT credit_id, sum(amount) AS amount FROM settlements WHERE credit_id IS NOT NULL GROUP BY credit_id) s ON s.credit_id = c.id
    WHERE c.remaining < 0 OR CASE WHEN c.expired_at IS NULL THEN c.remaining <> c.amount - coalesce(s.amount, 0) ELSE c.remaining <> 0 END
    UNION ALL
    SELECT 'ledger_account', x.tenant_id, 'receivable ' || x.currency, croft_ledger_balance(x.tenant_id, x.currency, 'receivable')::text, sum(x.amount)::text
    FROM (SELECT p.tenant_id, p.currency, p.unallocated AS amount FROM payments p
        UNION ALL SELECT i.tenant_id, i.currency, i.settled - i.total FROM invoices i WHERE i.state IN ('final', 'paid')
        UNION ALL SELECT a.tenant_id, a.currency, 0 FROM ledger_accounts a) x
    GROUP BY x.tenant_id, x.currency HAVING croft_ledger_balance(x.tenant_id, x.currency, 'receivable') <> sum(x.amount)
    UNION ALL
    SELECT 'ledger_account', x.tenant_id, 'credits ' || x.currency, croft_ledger_balance(x.tenant_id, x.currency, 'credits')::text, sum(x.amount)::text
    FROM (SELECT c.tenant_id, c.currency, c.remaining AS amount FROM credits c UNION ALL SELECT a.tenant_id, a.currency, 0 FROM ledger_accounts a) x
    GROUP BY x.tenant_id, x.currency HAVING croft_ledger_balance(x.tenant_id, x.currency, 'credits') <> sum(x.amount)
$$;

CREATE OR REPLACE FUNCTION croft_verify_money()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM croft_verify_ledger() UNION ALL SELECT * FROM croft_verify_invoices() UNION ALL SELECT * FROM croft_verify_settlements()
    ORDER BY 1, 2, 3
$$;
