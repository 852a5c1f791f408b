SELECT 200 AS status, croft_viewers_json(ARRAY(SELECT x.tenant_id FROM image_tenants x WHERE x.image_id = o.id ORDER BY x.tenant_id))::text AS body,
    croft_etag(o.version) AS etag, NULL::text AS location
FROM images o
WHERE o.id = ($1::jsonb->>'id')::uuid AND o.deleted_at IS NULL
