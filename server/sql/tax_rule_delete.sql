SELECT status, body, etag, location FROM croft_tax_rule_delete($1::jsonb)
