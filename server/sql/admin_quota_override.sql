SELECT status, body, etag, location FROM croft_admin_quota_override($1::jsonb)
