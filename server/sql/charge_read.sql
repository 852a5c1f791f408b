SELECT status, body, etag, location FROM croft_charge_detail($1::jsonb)
