SELECT status, body, etag, location FROM croft_child_month_end_approve($1::jsonb)
