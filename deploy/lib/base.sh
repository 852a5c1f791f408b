# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables shared by the parts that quickstart sources
# Messages, the step runner, and what an installation remembers:
#   quickstart.env   NAME='value', 0600: options and secrets, read back by every run
#   quickstart.made  one line for each thing made outside the state folder: what --purge takes back

die()
{
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

say()
{
    printf '%s\n' "$*"
}

# step TITLE NAME [HINT]: HINT says how long it takes, where that is long.
step()
{
    local title=$1 name=$2 hint=${3:+"($3) "} begin end ticker=
    printf '  %-32s' "$title"
    if "${name}_done" >>"$state/log/quickstart.log" 2>&1; then
        say "ok"
        return 0
    fi
    begin=$(date +%s%N)
    printf '%s' "$hint"
    if [ -t 1 ]; then
        tick "$title" "$hint" 9>&- &
        ticker=$!
    fi
    run_logged "$title" "${name}_do"
    [ -z "$ticker" ] || tick_end "$ticker"
    end=$(date +%s%N)
    env_read
    printf 'done %d.%03d s\n' $(((end - begin) / 1000000000)) $(((end - begin) / 1000000 % 1000))
}

# On a terminal the seconds pass, so that slow is not taken for stuck. Ends with quickstart, however that ends.
tick()
{
    local seconds=0
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        printf '\r  %-32s%s%d s ' "$1" "$2" $((seconds += 1))
    done
}

tick_end()
{
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    printf '\r  %-32s' "$title"
}

# run_logged TITLE COMMAND...: its output goes to the log, its failure ends everything. Errexit holds
# inside, which it would not in a condition: hence the subshell and the status by hand.
run_logged()
{
    local title=$1 status
    shift
    set +e
    (
        set -e
        printf '== %s\n' "$title" || true
        "$@"
    ) >>"$state/log/quickstart.log" 2>&1
    status=$?
    set -e
    if [ $status -ne 0 ]; then
        [ -z "${ticker-}" ] || tick_end "$ticker"
        say "FAILED"
        # This step's own part of the log.
        tac "$state/log/quickstart.log" | sed '/^== /q' | tac | tail -n 15 >&2
        die "'$title' failed; the whole log: $state/log/quickstart.log"
    fi
}

# wait_for SECONDS COMMAND...: asks five times a second. By the clock, since a command may take its time.
wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

random_secret()
{
    head -c 18 /dev/urandom | base64 | tr '+/' '-_'
}

# Everything is written and deleted below $state as root: a state folder must be nobody else's.
state_check()
{
    [[ $state =~ ^/[A-Za-z0-9._/-]+$ ]] || die "--state needs an absolute path of plain characters"
    [[ $state != *..* ]] || die "--state must not contain .."
    state=${state%/}
    case $state in
    /*/*) ;;
    *) die "--state must not be a top folder of the system" ;;
    esac
    [ ! -L "$state" ] || die "$state is a symbolic link"
    if [ -e "$state" ] && [ ! -f "$state/quickstart.made" ] && [ -n "$(ls -A "$state")" ]; then
        die "$state is not empty and was not made by quickstart"
    fi
}

state_open()
{
    local kept=
    if [ ! -f "$state/quickstart.made" ]; then
        [ ! -d "$state" ] || kept="kept-folder $state"
        mkdir -p "$state"
        printf '%s\n' "state $state" ${kept:+"$kept"} >"$state/quickstart.made"
    fi
    # Guests' mapped root walks through it, and must not list it.
    chmod 0711 "$state"
    install -d -m 0700 "$state/log" "$state/run"
    state_lock
    if [ ! -f "$state/quickstart.env" ]; then
        (umask 077 && : >"$state/quickstart.env")
        env_set INSTANCE "$(cat /proc/sys/kernel/random/uuid)"
    fi
    env_read
}

# The lock outlives a killed run in what that one had started, which then is ended.
state_lock()
{
    local pid='' started=''
    exec 9<>"$state/run/lock"
    if ! flock -n 9; then
        read -r pid started <"$state/run/lock" || true
        if [ -n "$started" ] && [ "$(process_started "$pid")" = "$started" ]; then
            die "another quickstart (pid $pid) works on $state"
        fi
    fi
    remains_end
    wait_for 10 flock -n 9 || die "something still holds $state/run/lock"
    # On a full disk --purge must go on.
    printf '%s %s\n' $$ "$(process_started $$)" >"$state/run/lock" || true
}

# What a killed run left: it holds the lock, or lives in an image being built.
remains_end()
{
    local process
    (
        find /proc/[0-9]*/fd /proc/[0-9]*/root /proc/[0-9]*/cwd -maxdepth 1 \
            \( -lname "$state/run/lock" -o -lname "$state/images/croft-image.*" \) 2>/dev/null |
            cut -d/ -f3 | sort -u | while read -r process; do
            [ "$process" = $$ ] || kill -KILL "$process" 2>/dev/null || true
        done
    ) 9>&- || true
    rm -rf --one-file-system "${state:?}"/images/croft-image.*
}

# option NAME GIVEN DEFAULT: remembered at the first run; may change until the configuration is written.
option()
{
    local known=${!1-} value
    value=${2:-${known:-$3}}
    if [ "$value" = "$known" ]; then
        return 0
    elif [ -n "$known" ] && [ -f "$state/agent.yaml" ]; then
        die "$state was made with $1=$known; to change that, --purge it first"
    fi
    env_set "$1" "$value"
}

options_remember()
{
    option IMAGE "$option_image" debian-12
    case $option_panel in
    '' | none) option PANEL "$option_panel" build ;;
    *) option PANEL given build ;;
    esac
    option API_PORT "$option_port" 8080
    option AGENTS_PORT "${option_port:+$((option_port + 1))}" 8443
    option SUBNET4 "${option_subnet%,*}" 10.83.0.0/24
    option SUBNET6 "${option_subnet#*,}" fd83:0:0:83::/64
    if [ -n "$option_image_file" ] && [ -z "${IMAGE_ID-}" ]; then
        install -D -m 0644 "$option_image_file" "$state/images/$IMAGE.tar.zst"
    fi
    if [ "$PANEL" = given ] && [ -n "$option_panel" ]; then
        panel_install "$option_panel"
    fi
}

state_option()
{
    [ "$state" = /var/lib/croft ] || printf ' --state %s' "$state"
}

env_read()
{
    # shellcheck source=/dev/null
    . "$state/quickstart.env"
}

# env_set NAME VALUE: remembered across runs. Values come from us or from our own API.
env_set()
{
    if [[ ! $1 =~ ^[A-Z0-9_]+$ ]] || [[ $2 == *[\'$'\n']* ]]; then
        die "cannot remember $1"
    fi
    (
        umask 077
        { grep -v "^$1=" "$state/quickstart.env" || true; } >"$state/quickstart.env.new"
        printf "%s='%s'\n" "$1" "$2" >>"$state/quickstart.env.new"
        mv "$state/quickstart.env.new" "$state/quickstart.env"
    )
    printf -v "$1" '%s' "$2"
}

# made KIND VALUE...: said before the thing is made, so that nothing made is ever unrecorded.
made()
{
    grep -qxF "$*" "$state/quickstart.made" || printf '%s\n' "$*" >>"$state/quickstart.made"
}

# made_list KIND: the values of that kind, newest first.
made_list()
{
    tac "$state/quickstart.made" | sed -n "s/^$1 //p"
}
