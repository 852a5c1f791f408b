SELECT status, body, etag, location FROM croft_admin_tax_rule_delete($1::jsonb)
