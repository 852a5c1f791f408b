SELECT status, body, etag, location FROM croft_child_credit_note_create($1::jsonb)
