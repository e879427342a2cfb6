# A volume that one instance at a time may write to: the old one goes before the new one comes, and clients wait.

scenario_recreate() {
    need_boxd
    make_keeper || { problem 'the image with the writer could not be made'; return; }
    local extra='{"image": "web:keeper", "user": "root", "scale": {"desired": 1},
        "volumes": [{"name": "swap-data", "at": "/data", "access": "exclusive"}],
        "deploy": {"strategy": "recreate", "hold_timeout": "15s", "reversible": true}}'
    must_deploy "$(spec web v0 "$extra")" || return
    start_load --keep-alive 0 --single 64 --slow 1 --timeout 30 --versions 'v*'
    local i sum
    for ((i = 1; i <= (quick ? 1 : 3); i++)); do
        must_deploy "$(spec web "v$i" "$extra" '{"hooks": {"before_deploy": {"run":
            ["sh", "-c", "echo migrated >> /data/history"]}}}')" || break
    done
    # A migration that fails: the old version comes back, and finds its data as it was.
    sum=$(data history)
    deploy "$(spec web broken "$extra" '{"hooks": {"before_deploy": {"run": ["sh", "-c", "exit 3"]}}}')"
    expect 'the exit code after a migration that failed' $? -eq 3
    local history
    history=$(data history)
    expect 'the data after a migration that failed' "${history%$'\n'v*}" = "$sum"
    until_sent $((requests / 5))
    end_load || return
    measured writers "$(data writers | sort -u | wc -l)" writes "$(data writers | wc -l)" \
        overlaps "$(overlaps | wc -l)"
    none_failed
    expect 'writers at the same time' "$(overlaps)" = ''
    expect 'the longest wait of a client in ms' "$(load .latency_ms.max)" '<=' 15000
    undone "$extra"
    remove_services
    boxctl volume rm -f swap-data >/dev/null 2>&1
}

# What becomes of a migration whose version does not come up.
undone() {
    local extra=$1 before
    local migration='{"hooks": {"before_deploy": {"run": ["sh", "-c", "echo migrated >> /data/history"]}}}'
    local ill='{"env": {"WEB_HEALTH": "fail"}, "health": {"healthy_deadline": "1s"}}'
    local forward='{"deploy": {"reversible": false}}'
    # It can be put back: so it is, and the old version finds what it left.
    before=$(data history | grep -c migrated)
    deploy "$(spec web ill "$extra" "$migration" "$ill")"
    expect 'the exit code after a version that is ill, with a copy of the volume' $? -eq 3
    expect 'the migrations after that' "$(data history | grep -c migrated)" -eq "$before"
    # A migration that says it failed has changed nothing.
    deploy "$(spec web broken "$extra" "$forward" '{"hooks": {"before_deploy": {"run": ["sh", "-c", "exit 3"]}}}')"
    expect 'the exit code after a migration that failed, without a copy' $? -eq 3
    expect 'who serves then' "$(serving_version)" != ''
    # One that went through cannot be undone without a copy. The old version would not understand the data.
    deploy "$(spec web ill "$extra" "$migration" "$ill" "$forward")"
    expect 'the exit code after a version that is ill, without a copy' $? -eq 4
    expect 'who serves then' "$(serving_version)" = ''
    # What a person does about it.
    must_deploy "$(spec web "v$((i + 1))" "$extra")"
    expect 'who serves at last' "$(serving_version)" = "v$((i + 1))"
    measured undone 4
}

# `web` beside a writer, which says a hundred times a second who it is.
make_keeper() {
    local script='echo "$WEB_VERSION" >>/data/history
        while :; do hostname >>/data/writers; sleep 0.01; done &
        exec /usr/bin/web'
    boxctl image inspect web:keeper >/dev/null 2>&1 && return
    boxctl create --name keeper web >/dev/null &&
        boxctl commit -c "ENTRYPOINT $(jq -cn --arg script "$script" '["sh", "-c", $script]')" keeper web:keeper \
            >/dev/null && boxctl rm keeper >/dev/null
}

# Those who wrote again after another one had begun.
overlaps() { data writers | uniq | sort | uniq -d; }

data() { volume swap-data "$1"; }
