SELECT status, body, etag, location FROM croft_admin_plan_viewers_set($1::jsonb)
