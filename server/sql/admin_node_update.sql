SELECT status, body, etag, location FROM croft_admin_node_update($1::jsonb)
