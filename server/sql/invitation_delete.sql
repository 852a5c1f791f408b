SELECT status, body, etag, location FROM croft_invitation_delete($1::jsonb)
