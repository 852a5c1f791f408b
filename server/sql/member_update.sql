SELECT status, body, etag, location FROM croft_member_update($1::jsonb)
