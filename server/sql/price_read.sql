SELECT status, body, etag, location FROM croft_prices($1::jsonb)
