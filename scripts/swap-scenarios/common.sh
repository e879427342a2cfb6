# What all scenarios of scripts/swap-test need: a boxd, services, clients, results.

# The address of the published ports: the host's own, but none of 127.0.0.0/8, whose sources are hidden from instances.
address=10.80.0.1
# Where clients come from.
sources=10.80.4.0/24

begin_all() {
    place=$(mktemp -d /tmp/box-swap.XXXXXX)
    cgroup=/${place##*/}
    cgroup=${cgroup//./-}
    export BOX_HOST="unix://$place/run/box.sock" PATH="$programs:$PATH"
    boxd_pid='' load_pid='' others=()
    ip link set lo up
    # All of this net are addresses of this machine.
    ip route add local 10.80.0.0/16 dev lo
    # An interface that is up and may be used as the way out.
    ip link add up0 type bridge && ip link set up0 up && ip address add 10.79.0.1/24 dev up0
}

end_all() {
    local status=$?
    set +e
    trap - EXIT
    if [ -n "$load_pid" ]; then kill -9 "$load_pid"; fi
    for pid in "${others[@]}"; do kill "$pid" && wait "$pid"; done 2>/dev/null
    if [ -e "$place/run" ]; then
        [ -n "$boxd_pid" ] && kill -0 "$boxd_pid" 2>/dev/null || start_boxd
        remove_services
        boxctl ps -aq | xargs -r -n 50 boxctl rm -f -v >/dev/null 2>&1
        stop_boxd
    fi
    find /sys/fs/cgroup -depth -type d -path "*$cgroup*" -exec rmdir {} + 2>/dev/null
    rm -rf "$place"
    exit "$status"
}

# ---- boxd ----

start_boxd() {
    boxd --data-root "$place/data" --run-dir "$place/run" --cgroup-parent "$cgroup" --bridge bx-swap \
        --bip 172.30.0.1/16 >>"$place/boxd.log" 2>&1 </dev/null &
    boxd_pid=$!
    for _ in $(seq 200); do
        boxctl version >/dev/null 2>&1 && return
        kill -0 "$boxd_pid" 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$place/boxd.log" >&2
    fail 'boxd did not start (its last lines are above)'
}

stop_boxd() {
    [ -n "$boxd_pid" ] || return 0
    kill "$boxd_pid"
    wait "$boxd_pid" 2>/dev/null
    boxd_pid=
}

# Without mercy.
kill_boxd() {
    kill -9 "$boxd_pid"
    wait "$boxd_pid" 2>/dev/null
    boxd_pid=
}

need_boxd() {
    [ -z "$boxd_pid" ] || return 0
    start_boxd
    boxctl load -q -i "$images/web.tar" >/dev/null || fail 'the image web could not be loaded'
}

# api METHOD PATH: the body of the answer.
api() { curl -s --max-time 30 --unix-socket "$place/run/box.sock" -X "$1" "http://box/box/v1$2"; }

remove_services() {
    api GET /services | jq -r '(.services? // .)[]?.service' 2>/dev/null | while read -r service; do
        api DELETE "/services/$service?force=1" >/dev/null
    done
}

# ---- Services ----

# spec NAME VERSION [JSON…]: a spec file of a service with four instances on port 80; what is given goes on top of it.
spec() {
    local name=$1 version=$2
    shift 2
    local file="$place/$name-$version-$RANDOM.json5"
    {
        jq -n --arg name "$name" --arg version "$version" '{
            schema: 1, service: $name, image: "web", env: {WEB_VERSION: $version, WEB_SIGTERM: "abrupt"},
            scale: {desired: 4}, ports: [{name: "http", target: 8080, publish: 80}],
            health: {http: {path: "/healthz", port: "http"}, interval: "50ms", timeout: "1s", healthy_threshold: 2,
                stable_for: "200ms", start_timeout: "5s", healthy_deadline: "5s"},
            drain: {timeout: "20s", stop_grace: "5s"},
            deploy: {strategy: "rolling", batch: 1, surge: 1, rollback_window: "2m", abort_keep: "0s"}}'
        printf '%s\n' "$@"
    } | jq -s 'reduce .[] as $part ({}; . * $part)' >"$file"
    echo "$file"
}

# deploy FILE [OPTION…]: its exit code is boxctl's; the result is in $result.
deploy() {
    local file=$1
    shift
    result="$place/result.json"
    boxctl deploy -f "$file" --output json "$@" >"$result" 2>"$place/deploy.err"
}

# One that has to succeed.
must_deploy() {
    deploy "$@" && return
    local status=$?
    problem "deploy ended with $status: $(tail -c 400 "$place/deploy.err") $(jq -c '.reason // .' "$result" 2>&1)"
    return 1
}

status_of() { api GET "/services/$1"; }

# The names of the containers that serve.
pooled() { status_of "$1" | jq -r '.instances[] | select(.state == "pooled") | .name'; }

pid_of() { boxctl inspect -f '{{.State.Pid}} {{.State.StartedAt}}' "$1"; }

# volume NAME FILE: what is in it.
volume() { cat "$place/data/volumes/$1/data/$2" 2>/dev/null; }

# Their processes, with the times when they were started.
processes() { pooled "$1" | sort | while read -r name; do echo "$name $(pid_of "$name")"; done; }

# until_steady NAME [SECONDS]: no rollout, and everybody there.
until_steady() {
    local deadline=$((SECONDS + ${2:-60}))
    while [ "$(status_of "$1" | jq -r '"\(.state) \(.rollout)"')" != 'steady null' ]; do
        if ((SECONDS > deadline)); then
            problem "$1 is not steady after ${2:-60} s: $(status_of "$1" | jq -c '[.state, .rollout]')"
            return 1
        fi
        sleep 0.05
    done
}

# Looks many times a second for how many instances serve, until $place/watching is gone: the least goes to $place/least.
watch_pool() {
    touch "$place/watching"
    rm -f "$place/least"
    (
        least=9999 count=0
        while [ -e "$place/watching" ]; do
            now=$(status_of "$1" | jq '[.instances[] | select(.state == "pooled")] | length' 2>/dev/null)
            if [ -n "$now" ]; then
                count=$((count + 1))
                ((now < least)) && least=$now
                echo "$least $count" >"$place/least"
            fi
            sleep 0.02
        done
    ) &
    watch_pid=$!
}
end_watch() {
    rm -f "$place/watching"
    wait "$watch_pid"
    read -r least samples <"$place/least" || least=0 samples=0
    measured least_pooled "$least" samples "$samples"
}

# ---- Clients ----

# start_load [OPTION…]: in the background; half of them with one connection for each request.
start_load() {
    rm -f "$place/load.json" "$place/live"
    swap-load --rate "$rate" --duration 3600 --sources "$sources" --live "$place/live" --slow-ms 1000 --timeout 20 \
        "$@" "http://$address" >"$place/load.json" 2>"$place/load.err" &
    load_pid=$!
    # Under load means that it has begun.
    sleep 0.5
}

sent() { tail -n 1 "$place/live" 2>/dev/null | jq '.requests' 2>/dev/null || echo 0; }

# Until so many requests are through; at the latest after some minutes.
until_sent() {
    local deadline=$((SECONDS + 600))
    while (($(sent) < $1)); do
        ((SECONDS < deadline)) || { problem "only $(sent) requests in ten minutes"; return 1; }
        kill -0 "$load_pid" 2>/dev/null || { problem "the clients ended: $(cat "$place/load.err")"; return 1; }
        sleep 0.2
    done
}

# end_load: the summary is in $place/load.json, its numbers among those measured.
end_load() {
    kill "$load_pid"
    wait "$load_pid"
    load_pid=
    if [ ! -s "$place/load.json" ]; then
        problem "the clients ended without a word: $(cat "$place/load.err")"
        return 1
    fi
    measured requests "$(load .requests)" failed "$(load .failed)" max_ms "$(load .latency_ms.max)"
}

load() { jq -r "$1" "$place/load.json"; }

# What went wrong with the requests, in words.
failures() {
    load '[to_entries[] | select(.key | IN("refused", "unreachable", "connect_timed_out", "reset", "timed_out",
        "closed_early", "stale", "non_2xx", "wrong_version", "garbled", "local")) | select(.value > 0)
        | "\(.value) \(.key)"] | join(", ")'
    load '.first_failures[:3] | .[] | "\(.at) \(.client) \(.request) \(.failure) after \(.after_ms) ms: \(.detail)"'
}

none_failed() {
    [ "$(load .failed)" = 0 ] && return
    problem "$(failures | paste -sd ';')"
}

# ---- Results ----

measured() { # NAME VALUE…
    while [ $# -gt 1 ]; do
        values+=("$1" "$2")
        shift 2
    done
}

# Something is not as it has to be; the scenario goes on.
problem() {
    problems+=("$*")
    return 1
}

# expect WHAT ACTUAL OPERATOR WANTED: as of test(1), and for numbers with a point <= and >=.
expect() {
    local holds
    case "$3" in
        '<=' | '>=') holds=$(jq -n "($2) $3 ($4)" 2>/dev/null) ;;
        *) [ "$2" "$3" "$4" ] && holds=true ;;
    esac
    [ "${holds-}" = true ] || problem "$1 is $2, and not $3 $4"
}

# Seconds with milliseconds, since 1970.
now() { date +%s.%3N; }
since() { jq -n "(($(now)) - $1) * 1000 | round / 1000"; }

as_array() { jq -cn '$ARGS.positional' --args -- "$@"; }
as_object() {
    jq -cn '$ARGS.positional as $all | [range(0; $all | length; 2) as $i
        | {($all[$i]): ($all[$i + 1] | (tonumber? // .))}] | add' --args -- "$@"
}

run_scenario() {
    values=() problems=()
    local began passed=true
    began=$(now)
    "scenario_$1"
    if [ -n "$load_pid" ]; then end_load; fi
    measured seconds "$(since "$began")"
    [ ${#problems[@]} = 0 ] || passed=false
    if [ -n "$json" ]; then
        jq -cn --arg name "$1" --argjson passed "$passed" \
            --argjson values "$(as_object "${values[@]}")" --argjson problems "$(as_array "${problems[@]}")" \
            '{name: $name, passed: $passed, values: $values, problems: $problems}'
    else
        local line i
        line=$(printf '%-4s %-10s' "$([ "$passed" = true ] && echo ok || echo FAIL)" "$1")
        for ((i = 0; i < ${#values[@]}; i += 2)); do line+=" ${values[i]}=${values[i + 1]}"; done
        echo "$line"
        for ((i = 0; i < ${#problems[@]}; i++)); do echo "       ${problems[i]}"; done
    fi
    # The next one begins from nothing.
    if [ -n "$boxd_pid" ]; then remove_services; fi
    [ "$passed" = true ]
}
