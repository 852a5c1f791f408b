SELECT status, body, etag, location FROM croft_profile_update($1::jsonb)
