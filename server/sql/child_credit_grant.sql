SELECT status, body, etag, location FROM croft_child_credit_grant($1::jsonb)
