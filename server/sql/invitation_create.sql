SELECT status, body, etag, location FROM croft_invitation_create($1::jsonb)
