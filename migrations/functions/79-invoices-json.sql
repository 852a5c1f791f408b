-- Invoices as the API shows them. What a draft would say of buyer and seller is what they are now.

CREATE OR REPLACE FUNCTION croft_invoice_json(i invoices) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', i.id, 'tenant_id', i.tenant_id, 'seller_id', i.seller_id, 'kind', i.kind, 'number', i.number, 'state', i.state,
        'month', to_char(i.month, 'YYYY-MM'), 'currency', i.currency, 'net', croft_money_text(i.net, i.currency),
        'tax', croft_money_text(i.tax, i.currency), 'total', croft_money_text(i.total, i.currency),
        'open', croft_money_text(CASE WHEN i.state IN ('final', 'paid') THEN i.total - i.settled ELSE 0 END, i.currency),
        'corrects', i.corrects, 'reason', i.reason, 'issued_at', i.issued_at, 'due_at', i.due_at, 'paid_at', i.paid_at,
        'voided_at', i.voided_at, 'created_at', i.created_at)
$$;

CREATE OR REPLACE FUNCTION croft_invoice_line_json(l invoice_lines, p_currency text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', l.id, 'position', l.position, 'charge_id', l.charge_id, 'description', l.description, 'vps_id', l.vps_id,
        'location_id', l.location_id, 'meter', l.meter, 'from', l.from_ts, 'to', l.to_ts, 'quantity', trim_scale(round(l.quantity, 9))::text, 'unit', l.unit,
        'unit_price', trim_scale(l.unit_price)::text, 'amount', croft_money_text(l.amount, p_currency), 'tax_name', l.tax_name,
        'tax_rate', trim_scale(l.tax_rate)::text, 'tax_amount', croft_money_text(l.tax_amount, p_currency))
$$;

CREATE OR REPLACE FUNCTION croft_invoice_detail_json(i invoices) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT croft_invoice_json(i)::jsonb || jsonb_build_object(
        'buyer', i.buyer, 'seller', i.seller,
        'taxes', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', t->'name', 'rate', trim_scale((t->>'rate')::numeric)::text,
                'net', croft_money_text((t->>'net')::numeric, i.currency), 'tax', croft_money_text((t->>'tax')::numeric, i.currency))), '[]')
            FROM jsonb_array_elements(i.taxes) t),
        'lines', (SELECT coalesce(jsonb_agg(croft_invoice_line_json(l, i.currency) ORDER BY l.position), '[]')
            FROM invoice_lines l WHERE l.invoice_id = i.id),
        'settlements', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', CASE WHEN s.payment_id IS NOT NULL THEN 'payment'
                    WHEN s.credit_id IS NOT NULL THEN 'credit' ELSE 'credit_note' END, 'id', coalesce(s.payment_id, s.credit_id, s.credit_note_id),
                'amount', croft_money_text(s.amount, i.currency), 'at', s.created_at) ORDER BY s.id), '[]')
            FROM settlements s WHERE s.invoice_id = i.id))
$$;
