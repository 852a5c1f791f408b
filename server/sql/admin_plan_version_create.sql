SELECT status, body, etag, location FROM croft_admin_plan_version_create($1::jsonb)
