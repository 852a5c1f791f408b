SELECT status, body, etag, location FROM croft_admin_month_end_start($1::jsonb)
