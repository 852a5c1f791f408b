SELECT status, body, etag, location FROM croft_child_month_end_retry($1::jsonb)
