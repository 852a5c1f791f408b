SELECT status, body, etag, location FROM croft_admin_charge_detail($1::jsonb)
