SELECT status, body, etag, location FROM croft_price_book_version_delete($1::jsonb)
