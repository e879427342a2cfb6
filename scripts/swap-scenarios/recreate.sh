# A volume that one instance at a time may write to: the old one goes before the new one comes, and clients wait.

scenario_recreate() {
    need_boxd
    make_keeper || { problem 'the image with the lock could not be made'; return; }
    local extra='{"image": "web:keeper", "user": "root", "scale": {"desired": 1},
        "volumes": [{"name": "swap-data", "at": "/data", "access": "exclusive"}],
        "deploy": {"strategy": "recreate", "hold_timeout": "15s"}}'
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
    measured overlaps "$(data overlaps | grep -c .)"
    none_failed
    expect 'writers at the same time' "$(data overlaps)" = ''
    expect 'the longest wait of a client in ms' "$(load .latency_ms.max)" '<=' 15000
    boxctl volume rm -f swap-data >/dev/null 2>&1
}

# `web` behind a lock in the volume: whoever starts while another one has it leaves a note, and ends.
make_keeper() {
    local script='exec 9>/data/lock; flock -n 9 || { echo "$WEB_VERSION" >>/data/overlaps; exit 9; };
        echo "$WEB_VERSION" >>/data/history; exec /usr/bin/web'
    boxctl image inspect web:keeper >/dev/null 2>&1 && return
    boxctl create --name keeper web >/dev/null &&
        boxctl commit -c "ENTRYPOINT $(jq -cn --arg script "$script" '["sh", "-c", $script]')" keeper web:keeper \
            >/dev/null && boxctl rm keeper >/dev/null
}

data() { cat "$place/data/volumes/swap-data/data/$1" 2>/dev/null; }
