SELECT 200 AS status, croft_plan_offer_json(o)::text AS body, croft_etag(o.version) AS etag, NULL::text AS location
FROM plan_offers o
WHERE o.plan_id = ($1::jsonb->>'id')::uuid AND o.seller_id = croft_tenant_id()
