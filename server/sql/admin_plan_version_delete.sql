SELECT status, body, etag, location FROM croft_admin_plan_version_delete($1::jsonb)
