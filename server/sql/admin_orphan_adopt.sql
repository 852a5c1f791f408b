SELECT status, body, etag, location FROM croft_admin_orphan_adopt($1::jsonb)
