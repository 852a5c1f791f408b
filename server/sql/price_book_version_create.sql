SELECT status, body, etag, location FROM croft_price_book_version_create($1::jsonb)
