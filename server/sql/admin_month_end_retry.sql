SELECT status, body, etag, location FROM croft_admin_month_end_retry($1::jsonb)
