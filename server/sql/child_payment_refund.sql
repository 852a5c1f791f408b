SELECT status, body, etag, location FROM croft_child_payment_refund($1::jsonb)
