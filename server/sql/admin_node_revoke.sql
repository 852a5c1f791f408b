SELECT status, body, etag, location FROM croft_admin_node_revoke($1::jsonb)
