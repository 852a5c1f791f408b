SELECT status, body, etag, location FROM croft_member_delete($1::jsonb)
