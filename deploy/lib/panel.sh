# shellcheck shell=bash
# shellcheck disable=SC2154 # variables shared by the parts that quickstart sources
# The web panel: built by npm from web/, or a folder that was built elsewhere, or none.

panel_dir()
{
    echo "$state/program/share/croft/panel"
}

# Packages to build it with, where the machine has no Node of its own.
panel_packages()
{
    [ "$PANEL" = build ] || return 0
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

panel_sources()
{
    (
        cd "$source_dir" || exit
        find web docs/openapi.yaml -path web/node_modules -prune -o -path web/dist -prune -o -type f -print0 |
            sort -z | xargs -0 sha256sum
    ) | sha256sum
}

panel_done()
{
    [ "$PANEL" != build ] || [ "$(panel_sources)" = "$(cat "$state/run/panel" 2>/dev/null)" ]
}

panel_do()
{
    local work=$state/build/panel sources
    sources=$(panel_sources)
    rm -rf "$work"
    install -d "$work/docs"
    cp "$source_dir/docs/openapi.yaml" "$work/docs/"
    tar -C "$source_dir" --exclude=web/node_modules --exclude=web/dist -c web | tar -C "$work" -x
    (
        cd "$work/web" || exit
        export npm_config_cache=$work/cache npm_config_update_notifier=false
        npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5
        npm run --silent generate
        npm run --silent build
    ) || die "the panel was not built: see above; --panel none does without it"
    panel_install "$work/web/dist"
    rm -rf "$work"
    printf '%s\n' "$sources" >"$state/run/panel"
}

# panel_install FOLDER: a built panel, whole or not at all. Servers that run have theirs in memory.
panel_install()
{
    local dir
    dir=$(panel_dir)
    [ -f "$1/index.html" ] || die "$1 is no built panel: it has no index.html"
    rm -rf "$dir.new" "$dir.old"
    install -d "$dir.new"
    cp -r "$1/." "$dir.new"
    chmod -R u=rwX,go=rX "$dir.new"
    [ ! -e "$dir" ] || mv "$dir" "$dir.old"
    mv "$dir.new" "$dir"
    rm -rf "$dir.old"
}

# What the server's configuration names, and its workers have read: its first page names all other files by their content.
panel_served_done()
{
    ! panel_there || { grep -q '^panel:' "$state/server/server.yaml" &&
        cmp -s "$(panel_dir)/index.html" "$state/run/panel.served"; }
}

panel_served_do()
{
    local pid
    grep -q '^panel:' "$state/server/server.yaml" ||
        printf 'panel:\n  dir: %s\n' "$(panel_dir)" >>"$state/server/server.yaml"
    if pid=$(daemon_pid server); then
        kill -HUP "$pid"
    fi
    cp "$(panel_dir)/index.html" "$state/run/panel.served"
}

panel_there()
{
    [ -f "$(panel_dir)/index.html" ]
}
