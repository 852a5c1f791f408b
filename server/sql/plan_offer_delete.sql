SELECT status, body, etag, location FROM croft_plan_offer_delete($1::jsonb)
