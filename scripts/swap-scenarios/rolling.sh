# Swaps that go well.

# An app that dies at once when told to stop, and clients that make a connection for each request: what order and drain
# are for.
scenario_rolling() {
    need_boxd
    must_deploy "$(spec web v0)" || return
    start_load --keep-alive 0 --single 64 --slow 1 --versions 'v*'
    watch_pool web
    local i slowest=0 seconds forced=0
    for ((i = 1; i <= rollouts; i++)); do
        must_deploy "$(spec web "v$i")" || break
        seconds=$(jq .timings.total "$result")
        slowest=$(jq -n "[$slowest, $seconds] | max")
        forced=$((forced + $(jq '.requests.forced_close // 0' "$result")))
    done
    end_watch
    until_sent "$requests"
    end_load || return
    measured rollouts "$((i - 1))" slowest_rollout "$slowest" forced_closes "$forced"
    none_failed
    expect 'the least number of instances in the pool' "$least" -ge 4
    expect 'the number of requests' "$(load .single.requests)" -ge "$requests"
    expect 'the number of versions that answered' "$(load '.versions | length')" -eq $((rollouts + 1))
    # Nobody of an older version is left.
    expect 'who serves at the end' "$(status_of web | jq -r '[.instances[] | select(.state == "pooled")] | length')" \
        -eq 4
}

# The wrong order: the signal comes first, while the router still sends requests. Shows that lost requests are seen.
scenario_contrast() {
    need_boxd
    must_deploy "$(spec web v0)" || return
    start_load --keep-alive 0 --single 64 --slow 5 --versions 'v*'
    local i name
    for ((i = 1; i <= rollouts; i++)); do
        for name in $(pooled web); do
            boxctl kill -s TERM "$name" >/dev/null
            until_steady web || break 2
        done
    done
    end_load || return
    expect 'the number of failed requests' "$(load .failed)" -gt $((quick ? 0 : 100))
}

# An app that finishes what it has begun; half of the clients keep their connections, so it asks them to go when it is
# out of the pool.
scenario_graceful() {
    need_boxd
    local extra='{"env": {"WEB_SIGTERM": "graceful"}, "drain": {"lame_duck": {"signal": "USR1"}, "timeout": "10s"}}'
    must_deploy "$(spec web v0 "$extra")" || return
    start_load --slow 1 --versions 'v*'
    local i
    for ((i = 1; i <= (quick ? 1 : 3); i++)); do
        must_deploy "$(spec web "v$i" "$extra")" || break
    done
    until_sent "$requests"
    end_load || return
    measured closed_idle "$(load .closed_idle)" closed_announced "$(load .closed_announced)"
    none_failed
    expect 'the number of versions that answered' "$(load '.versions | length')" -eq $((i))
}

# Two environments: the switch is one change of the router, and so is the way back.
scenario_bluegreen() {
    need_boxd
    local extra='{"deploy": {"strategy": "blue_green", "promote": "manual", "rollback_window": "5m"}}'
    must_deploy "$(spec web blue "$extra")" || return
    local before
    before=$(processes web)
    start_load --keep-alive 0 --single 64 --slow 1 --versions blue,green
    deploy "$(spec web green "$extra")" --detach
    local deadline=$((SECONDS + 60))
    until [ "$(status_of web | jq -r '.rollout.waits_for')" = promote ]; do
        if ((SECONDS > deadline)); then
            problem "green never waits for its promotion: $(status_of web | jq -c .rollout)"
            return
        fi
        sleep 0.05
    done
    expect 'answers of green before its promotion' "$(tail -n 1 "$place/live" | jq '.versions.green // 0')" -eq 0

    local promoted
    promoted=$(now)
    boxctl promote web >/dev/null 2>"$place/deploy.err" || problem "promote: $(cat "$place/deploy.err")"
    until_steady web || return
    until_sent $((requests / 2))
    local starts
    starts=$(containers web)
    local called took
    called=$(now)
    boxctl rollback web --output json >"$place/rollback.json" 2>"$place/deploy.err"
    # The way back is what was asked for: no failure.
    expect 'the exit code of rollback' $? -eq 0
    took=$(since "$called")
    until_sent "$requests"
    end_load || return
    local switch stale_blue back
    switch=$(load "((.versions.green.first // 0) - $promoted) * 1000 | round")
    # When the youngest connection was begun that green answered, after the rollback was asked for.
    back=$(load "((.versions.green.last_opened // 0) - $called) * 1000 | round / 1000")
    measured switch_ms "$switch" rollback_seconds "$back" rollback_command_seconds "$took" \
        starts "$(jq '.work.starts // 0' "$place/rollback.json")"
    none_failed
    expect 'the time from promote to the first answer of green, in ms' "$switch" '<=' 500
    # The command also waits for the slow answers of green.
    expect 'the time of the rollback, until no connection went to green' "$back" '<=' 1.0
    expect 'the processes of blue after the rollback' "$(processes web)" = "$before"
    expect 'the containers after the rollback' "$(containers web)" = "$starts"
    expect 'the number of instances that the rollback started' "$(jq '.work.starts // 0' "$place/rollback.json")" -eq 0
}

# All containers of a service, with their processes.
containers() {
    boxctl ps -aq --no-trunc | sort | while read -r id; do echo "$id $(pid_of "$id")"; done
}
