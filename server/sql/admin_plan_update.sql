SELECT status, body, etag, location FROM croft_admin_plan_update($1::jsonb)
