SELECT status, body, etag, location FROM croft_invitation_accept($1::jsonb)
