-- What follows the event "after", at least one row: pending says that more is about to settle, head is where to begin without one.
SELECT h.pending, h.head, e.id, e.tenant_id, e.action, e.subject_type, e.subject_id, e.body
FROM (SELECT
    EXISTS (SELECT FROM events e WHERE e.tenant_id = croft_tenant_id() AND e.xid >= croft_horizon()) AS pending,
    coalesce((SELECT e.id FROM events e WHERE e.tenant_id = croft_tenant_id() AND e.xid < croft_horizon()
        ORDER BY e.xid DESC, e.id DESC LIMIT 1), 0) AS head) h
LEFT JOIN LATERAL (
    SELECT e.id, e.tenant_id, e.action, e.subject_type, e.subject_id, croft_event_json(e)::text AS body
    FROM events e
    WHERE e.tenant_id = croft_tenant_id() AND e.xid < croft_horizon() AND $1::jsonb->>'after' IS NOT NULL
        AND (e.xid, e.id) > (croft_event_xid(($1::jsonb->>'after')::bigint, '/after'), ($1::jsonb->>'after')::bigint)
    ORDER BY e.xid, e.id
    LIMIT 200
) e ON true
