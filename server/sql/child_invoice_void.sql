SELECT status, body, etag, location FROM croft_child_invoice_void($1::jsonb)
