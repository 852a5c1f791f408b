SELECT status, body, etag, location FROM croft_admin_invoice_finalise($1::jsonb)
