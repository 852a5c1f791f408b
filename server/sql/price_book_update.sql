SELECT status, body, etag, location FROM croft_price_book_update($1::jsonb)
