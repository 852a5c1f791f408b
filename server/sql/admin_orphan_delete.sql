SELECT status, body, etag, location FROM croft_admin_orphan_delete($1::jsonb)
