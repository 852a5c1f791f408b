# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# croft-server: secrets, configuration, keys, schema, the process, the first operator.

croft_server()
{
    (cd / && as_croft "$state/program/sbin/croft-server" "$@" --config "$state/server/server.yaml")
}

secrets_done()
{
    [ -n "${OPERATOR_PASSWORD-}" ] && [ -n "${USER_PASSWORD-}" ] && [ -f "$state/ssh/id_ed25519.pub" ]
}

secrets_do()
{
    env_set OPERATOR_EMAIL operator@example.org
    env_set OPERATOR_PASSWORD "${OPERATOR_PASSWORD:-$(random_secret)}"
    env_set USER_EMAIL owner@example.org
    env_set USER_PASSWORD "${USER_PASSWORD:-$(random_secret)}"
    install -d -m 0700 "$state/ssh"
    rm -f "$state/ssh/id_ed25519"
    ssh-keygen -q -t ed25519 -N '' -C croft-quickstart -f "$state/ssh/id_ed25519"
}

config_done()
{
    [ -f "$state/server/server.yaml" ] && [ -f "$state/agent.yaml" ]
}

config_do()
{
    install -d -o croft -g croft -m 0700 "$state/server"
    cat >"$state/server/server.yaml" <<END
# Written by deploy/quickstart; reference: docs/configuration.md
state_dir: $state/server
database:
  server: host=$state/postgresql/socket dbname=croft user=croft_server
  owner: host=$state/postgresql/socket dbname=croft user=croft
api:
  listen: 127.0.0.1:$API_PORT
  public_url: http://127.0.0.1:$API_PORT
agents:
  listen: 127.0.0.1:$AGENTS_PORT
  public_address: 127.0.0.1:$AGENTS_PORT
END
    node_config >"$state/agent.yaml"
    croft_server check-config
}

pki_done()
{
    [ -f "$state/run/pki.ready" ]
}

pki_do()
{
    croft_server init
    touch "$state/run/pki.ready"
}

# Looks at the schema every time: it costs a tenth of a second and brings an update's migrations.
schema_done()
{
    false
}

schema_do()
{
    croft_server migrate
}

server_answers()
{
    curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$API_PORT/readyz"
}

server_done()
{
    daemon_current server && server_answers
}

server_do()
{
    daemon_alive server || { port_free "$API_PORT" && port_free "$AGENTS_PORT"; }
    unit_install server
    daemon_start server croft "$state/program/sbin/croft-server" run --config "$state/server/server.yaml"
    wait_for 30 server_answers
}

operator_done()
{
    [ -n "${OPERATOR_TOKEN-}" ] && api operator GET /v1/session
}

operator_do()
{
    local made_json
    made_json=$(printf '%s' "$OPERATOR_PASSWORD" |
        croft_server admin operator --email "$OPERATOR_EMAIL" --password-stdin)
    env_set OPERATOR_TOKEN "$(jq -er .token <<<"$made_json")"
}
