SELECT status, body, etag, location FROM croft_admin_check_report_set($1::jsonb)
