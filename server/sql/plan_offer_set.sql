SELECT status, body, etag, location FROM croft_plan_offer_set($1::jsonb)
