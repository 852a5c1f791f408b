SELECT status, body, etag, location FROM croft_child_payment_record($1::jsonb)
