# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
# Whom the servers are told to cut off, as a listener hears it after the commit (sourced by run). psql prints a notification
# after the command that follows it.

# heard NAME WANTED SQL: the payloads that the change sends, in any order.
heard() {
    local got
    got=$("$bin/psql" -qAtX -v ON_ERROR_STOP=1 -c 'LISTEN croft_revoked' -c "$3" -c 'SELECT' 2>&1 |
        sed -n 's/.*"croft_revoked" with payload "\([a-z]*:[0-9a-f-]*\)".*/\1/p' | sort | paste -sd' ')
    sql -c "SELECT test.is('$got'::text, '$2', 'cuts: $1')" >/dev/null
}
id() { sql -c "SELECT $1"; }

sql -c "SELECT test.tenant('cut-reseller', '{}', croft_root(), 'reseller'); SELECT test.tenant('cut-child', '{}', (SELECT id FROM tenants WHERE name = 'cut-reseller'))
    FROM pg_sleep(0.01)" >/dev/null
reseller=$(id "id FROM tenants WHERE name = 'cut-reseller'") child=$(id "id FROM tenants WHERE name = 'cut-child'")
token=$(id "id FROM tokens WHERE name = 'cut-child'")
user=$(sql -c "INSERT INTO users (email, password_hash) VALUES ('cut@example.org', 'h') RETURNING id")
sql -c "INSERT INTO memberships (user_id, tenant_id, role) VALUES ('$user', '$child', 'admin')"
session=$(sql -c "INSERT INTO sessions (user_id, refresh_hash, csrf_hash, expires_at)
    VALUES ('$user', test.hash('cut'), test.hash('cut'), now() + interval '1 day') RETURNING id")

heard "a token that is used" "" "UPDATE tokens SET last_used_at = now() WHERE id = '$token'"
heard "a token that is revoked" "token:$token" "UPDATE tokens SET revoked_at = now() WHERE id = '$token'"
heard "a token that was revoked already" "" "UPDATE tokens SET revoked_at = now() WHERE id = '$token'; DELETE FROM tokens WHERE id = '$token'"
heard "a change that is rolled back" "" "BEGIN; UPDATE sessions SET revoked_at = now() WHERE id = '$session'; ROLLBACK"
heard "a session that is refreshed" "" "UPDATE sessions SET refreshed_at = now() WHERE id = '$session'"
heard "a session that ends" "session:$session" "UPDATE sessions SET revoked_at = now() WHERE id = '$session'"
heard "a new role" "user:$user" "UPDATE memberships SET role = 'viewer' WHERE user_id = '$user'"
heard "a new password" "user:$user" "UPDATE users SET password_hash = 'i' WHERE id = '$user'"
heard "a user who is disabled" "user:$user" "UPDATE users SET state = 'disabled' WHERE id = '$user'"
heard "a member who is removed" "user:$user" "DELETE FROM memberships WHERE user_id = '$user'"
heard "a tenant that is suspended, with those below it" "$(printf 'tenant:%s\n' "$reseller" "$child" | sort | paste -sd' ')" \
    "UPDATE tenants SET state = 'suspended' WHERE id = '$reseller'"
heard "a tenant that is renamed" "" "UPDATE tenants SET name = 'cut-renamed' WHERE id = '$reseller'"
