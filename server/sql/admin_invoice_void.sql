SELECT status, body, etag, location FROM croft_admin_invoice_void($1::jsonb)
