SELECT 200 AS status, croft_tax_rule_json(t)::text AS body, NULL::text AS etag, NULL::text AS location
FROM tax_rules t
WHERE t.id = ($1::jsonb->>'id')::uuid
