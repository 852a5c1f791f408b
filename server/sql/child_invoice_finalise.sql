SELECT status, body, etag, location FROM croft_child_invoice_finalise($1::jsonb)
