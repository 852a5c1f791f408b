SELECT status, body, etag, location FROM croft_admin_month_end_approve($1::jsonb)
