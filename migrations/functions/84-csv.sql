-- CSV (RFC 4180) for people's spreadsheets and billing systems' importers: every text is quoted, lines end in CRLF, a page of a
-- list follows the one before it without a second head.

-- A text of somebody: quoted, and never a formula to whatever opens the file (a cell that begins with = + - @, a tab or a return is
-- calculated by spreadsheets). Null is empty.
CREATE OR REPLACE FUNCTION croft_csv_text(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '"' || replace(CASE WHEN p_text ~ '^\s*[=+@\t\r-]' THEN '''' || p_text ELSE coalesce(p_text, '') END, '"', '""') || '"';

-- A value that is of ours and no formula: a number, a time, an id.
CREATE OR REPLACE FUNCTION croft_csv_value(p_value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(p_value, '');

-- The cells of an object in the order of p_columns: numbers as they are, texts as texts, null empty.
CREATE OR REPLACE FUNCTION croft_csv_line(p_row jsonb, p_columns text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(CASE WHEN jsonb_typeof(p_row->c.name) IN ('number', 'boolean') THEN p_row->>c.name
            WHEN p_row->>c.name IS NULL THEN '' ELSE croft_csv_text(p_row->>c.name) END, ',' ORDER BY c.n) || E'\r\n'
    FROM unnest(p_columns) WITH ORDINALITY c (name, n)
$$;

CREATE OR REPLACE FUNCTION croft_csv_head(p_columns text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(croft_csv_text(c.name), ',' ORDER BY c.n) || E'\r\n' FROM unnest(p_columns) WITH ORDINALITY c (name, n)
$$;

CREATE OR REPLACE FUNCTION croft_wants_csv(p_req jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_req->'query'->>'format' = 'csv';

-- Rows of a page: for a file more than for a screen.
CREATE OR REPLACE FUNCTION croft_export_limit(p_req jsonb) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(greatest(coalesce((p_req->'query'->>'limit')::int, CASE WHEN p_req->'query'->>'format' IS NULL THEN 50 ELSE 1000 END), 1),
        1000);

-- The page as an answer: items, one more than the limit if there are more, the id of each in the order of the list.
CREATE OR REPLACE FUNCTION croft_export_page(p_req jsonb, p_rows jsonb[], p_ids uuid[], p_columns text[]) RETURNS croft_answer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_limit int := croft_export_limit(p_req);
    v_next text := CASE WHEN cardinality(p_ids) > v_limit THEN croft_cursor(p_ids[v_limit]) END;
    v_body text;
BEGIN
    IF p_req->'query'->>'format' IS NULL THEN
        SELECT croft_page(string_agg(r.j::text, ',' ORDER BY r.n), v_next) INTO v_body
            FROM unnest(p_rows[:v_limit]) WITH ORDINALITY r (j, n);
    ELSE
        SELECT CASE WHEN p_req->'query' ? 'cursor' THEN '' ELSE croft_csv_head(p_columns) END
                || coalesce(string_agg(croft_csv_line(r.j, p_columns), '' ORDER BY r.n), '')
            INTO v_body FROM unnest(p_rows[:v_limit]) WITH ORDINALITY r (j, n);
    END IF;
    RETURN (200, v_body, NULL, v_next)::croft_answer;
END
$$;
