-- Tells the servers whom to cut off: what a stream or a console was opened with no longer holds, or holds for less
-- (server/revocation.h). Sent when the change commits; those who are cut may come back and are authenticated anew.

-- Arguments: what the row is, and the column that names it.
CREATE OR REPLACE FUNCTION croft_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('croft_revoked', TG_ARGV[0] || ':' || (to_jsonb(OLD)->>TG_ARGV[1]));
    RETURN NULL;
END
$$;

-- What holds for a tenant holds for everybody below it.
CREATE OR REPLACE FUNCTION croft_revoked_tenants() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('croft_revoked', 'tenant:' || id) FROM tenants WHERE path @> ARRAY[OLD.id];
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER revoked AFTER UPDATE OF revoked_at ON tokens FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION croft_revoked('token', 'id');
CREATE OR REPLACE TRIGGER revoked_row AFTER DELETE ON tokens FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL) EXECUTE FUNCTION croft_revoked('token', 'id');
CREATE OR REPLACE TRIGGER revoked AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION croft_revoked('session', 'id');
CREATE OR REPLACE TRIGGER revoked_row AFTER DELETE ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL) EXECUTE FUNCTION croft_revoked('session', 'id');
CREATE OR REPLACE TRIGGER revoked AFTER UPDATE OF state, platform_role, password_hash ON users FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.platform_role IS DISTINCT FROM NEW.platform_role
        OR OLD.password_hash IS DISTINCT FROM NEW.password_hash) EXECUTE FUNCTION croft_revoked('user', 'id');
CREATE OR REPLACE TRIGGER revoked_row AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION croft_revoked('user', 'id');
CREATE OR REPLACE TRIGGER revoked AFTER UPDATE OF role ON memberships FOR EACH ROW
    WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION croft_revoked('user', 'user_id');
CREATE OR REPLACE TRIGGER revoked_row AFTER DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION croft_revoked('user', 'user_id');
CREATE OR REPLACE TRIGGER revoked AFTER UPDATE OF state ON tenants FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_revoked_tenants();
