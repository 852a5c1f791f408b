-- Hot reads go through an index that carries the tenant or the key, also under row-level security and in a generic plan.
ANALYZE;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off; -- the tables are small here
SET enable_bitmapscan = off;
CREATE FUNCTION test.plan(p_statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s test.statements;
    v_line text;
    v_all text := '';
BEGIN
    SELECT * INTO STRICT s FROM test.statements WHERE name = p_statement;
    EXECUTE 'SET LOCAL ROLE ' || s.role;
    EXECUTE 'PREPARE statement_under_test (jsonb) AS ' || s.text;
    FOR v_line IN EXECUTE 'EXPLAIN EXECUTE statement_under_test (''{"query":{}}'')' LOOP
        v_all := v_all || v_line || E'\n';
    END LOOP;
    DEALLOCATE statement_under_test;
    RESET ROLE;
    RETURN v_all;
END
$$;
SELECT test.ok(p ~ x.want AND p !~ 'Seq Scan' AND p !~ 'Sort', format('%s uses %s', x.name, x.want), p)
FROM (VALUES ('vps_read', 'Index Cond: .*\yid = '), ('vps_list', 'Index Scan using vps_tenant.*Index Cond: \(\(tenant_id ='),
    ('task_read', 'Index Cond: .*\yid = '), ('task_list', 'tasks_tenant.*Index Cond: \(\(tenant_id ='),
    ('admin_event_list', 'Scan Backward using events_order'), ('event_list', 'Scan Backward using events_tenant.*Index Cond: \(\(tenant_id ='),
    ('event_feed', 'Index Scan using events_tenant.*Index Cond: \(\(tenant_id ='), ('admin_event_feed', 'using events_order')) x (name, want), test.plan(x.name) p;
