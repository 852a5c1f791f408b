SELECT status, body, etag, location FROM croft_admin_tax_rule_create($1::jsonb)
