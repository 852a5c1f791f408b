SELECT status, body, etag, location FROM croft_admin_credit_note_create($1::jsonb)
