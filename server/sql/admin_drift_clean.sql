SELECT status, body, etag, location FROM croft_admin_drift_clean($1::jsonb)
