SELECT status, body, etag, location FROM croft_admin_node_retire($1::jsonb)
