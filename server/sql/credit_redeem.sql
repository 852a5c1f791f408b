SELECT status, body, etag, location FROM croft_credit_redeem($1::jsonb)
