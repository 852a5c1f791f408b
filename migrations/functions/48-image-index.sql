-- Indexes of images: ours, for other installations to import from, and those of others. For the command line alone.

-- What is signed and handed out. p_req: {days: how long it holds, url: what stands before each file's name}.
CREATE OR REPLACE FUNCTION croft_image_index(p_req jsonb) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (200, json_build_object(
        'serial', (extract(epoch FROM now()) * 1000)::bigint,
        'issued', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'expires', to_char((now() + make_interval(days => (p_req->>'days')::int)) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'images', coalesce(json_agg(json_build_object('name', i.name, 'title', i.title, 'os', i.os, 'arch', i.arch,
            'version', to_char(i.created_at AT TIME ZONE 'UTC', 'YYYYMMDD'), 'sha256', i.sha256, 'size', i.size,
            'min_disk_bytes', i.min_disk_bytes, 'url', (p_req->>'url') || i.sha256) ORDER BY i.name, i.id), '[]'))::text, NULL, NULL)::croft_answer
    FROM images i WHERE i.tenant_id IS NULL AND i.deleted_at IS NULL AND i.active AND i.public
$$;

-- {key, serial} → {serial}: the highest one that was ever seen under this key, this one included.
CREATE OR REPLACE FUNCTION croft_image_index_seen(p_req jsonb) RETURNS croft_answer LANGUAGE sql AS $$
    WITH seen AS (
        INSERT INTO image_indexes (key, serial) VALUES (p_req->>'key', (p_req->>'serial')::bigint)
        ON CONFLICT (key) DO UPDATE SET serial = greatest(image_indexes.serial, EXCLUDED.serial), seen_at = now()
        RETURNING serial)
    SELECT (200, json_build_object('serial', serial)::text, NULL, NULL)::croft_answer FROM seen
$$;
