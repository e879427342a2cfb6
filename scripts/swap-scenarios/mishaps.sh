# Versions that are bad, each in its own way: the old ones go on as if nothing had been.

scenario_ladder() {
    need_boxd
    # An image whose program is not there.
    boxctl create --name broken web >/dev/null && boxctl commit -c 'ENTRYPOINT ["/nowhere/web"]' broken web:broken \
        >/dev/null && boxctl rm broken >/dev/null || { problem 'the broken image could not be made'; return; }
    local base='{"deploy": {"bake": "5s"}}'
    must_deploy "$(spec web good)" || return
    local before
    before=$(processes web)
    start_load --keep-alive 32 --single 32 --slow 1 --versions good,crash
    rung not_found 2 '{"image": "nowhere:1"}'
    rung exec_fails 2 '{"image": "web:broken"}'
    # Counted from its end.
    rung exits 5 '{"env": {"WEB_EXIT_AFTER_MS": "3000", "WEB_EXIT_CODE": "1"}, "health": {"stable_for": "10s",
        "healthy_deadline": "20s"}}'
    rung never_listens 10 '{"env": {"WEB_START_DELAY_MS": "600000"}, "health": {"start_timeout": "2s"}}'
    rung health_500 10 '{"env": {"WEB_ERROR": "on"}, "health": {"http": {"path": "/status/500"},
        "healthy_deadline": "2s"}}'
    rung health_301 10 '{"health": {"http": {"path": "/status/301"}, "healthy_deadline": "2s"}}'
    until_sent "$requests"
    end_load || return
    none_failed
    expect 'the number of answers of other versions' "$(load '[.versions | to_entries[] | select(.key != "good")
        | .value.answers] | add // 0')" -eq 0

    # The last one serves, and crashes when all of it is there. What is under way on a process that ends is lost with
    # it, whoever looks after it; nothing more may be: who asks for a connection gets one, with another instance.
    start_load --keep-alive 0 --single 32 --versions good,crash
    rung crash 20 "$base" '{"env": {"WEB_VERSION": "crash", "WEB_EXIT_AFTER_MS": "6000", "WEB_EXIT_CODE": "1"}}'
    local lost
    end_load || return
    lost=$(load .failed)
    measured lost_in_crashes "$lost"
    expect 'the number of requests lost with the processes that crashed' "$lost" -le 40
    expect 'the number of connections refused, or lost otherwise than with a process' \
        "$(load '.failed - .reset - .closed_early')" -eq 0
    expect 'the processes of the old version' "$(processes web)" = "$before"
}

# rung NAME SECONDS JSON…: a deploy that has to be taken back, and in time.
rung() {
    local name=$1 limit=$2 began status seconds
    shift 2
    began=$(now)
    deploy "$(spec web "$name" "$@")"
    status=$?
    seconds=$(since "$began")
    measured "$name" "$seconds"
    # What is not there is seen before anything begins: refused, and not taken back.
    expect "$name: the exit code" "$status" -eq "$([ "$name" = not_found ] && echo 8 || echo 3)"
    expect "$name: the seconds" "$seconds" '<=' "$limit"
    [ "$name" = crash ] || expect "$name: the processes of the old version" "$(processes web)" = "$before"
}
