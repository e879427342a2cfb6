# boxd and its clients die, or come at the same time.

# kill -9 of boxd at random moments of rollouts, rolling and canary in turn. One hook of each rollout says that it ran.
scenario_kills() {
    need_boxd
    local hooks='{"user": "root", "volumes": [{"name": "swap-hooks", "at": "/hooks"}],
        "hooks": {"before_deploy": {"run": ["sh", "-c", "echo $WEB_VERSION >>/hooks/ran"]}}}'
    local canary='{"deploy": {"strategy": "canary", "steps": [{"weight": "25%"}, {"pause": "300ms"}, {"weight": "50%"},
        {"pause": "300ms"}, {"weight": "100%"}]}}'
    must_deploy "$(spec web v0 "$hooks")" || return
    start_load --keep-alive 0 --single 64 --slow 1 --versions 'v*'
    local done=0 version=0 ended=0 strategy
    while ((done < kills)); do
        version=$((version + 1))
        strategy='{}'
        ((version % 2)) || strategy=$canary
        deploy "$(spec web "v$version" "$hooks" "$strategy")" --detach
        # Some moments of this rollout, until it is over.
        while ((done < kills)); do
            sleep "$(jq -n "$((RANDOM % 1200)) / 1000")"
            kill_boxd
            done=$((done + 1))
            sleep "$(jq -n "$((RANDOM % (quick ? 300 : 1500))) / 1000")"
            start_boxd
            [ "$(status_of web | jq -r .rollout)" != null ] || break
        done
        until_steady web 120 || break
        ended=$((ended + 1))
        # Either way is an end; in between is none.
        expect "the number of versions that serve after rollout $version" \
            "$(status_of web | jq '.serving | length')" -eq 1
    done
    until_sent "$requests"
    end_load || return
    measured kills "$done" rollouts "$ended" of "$version"
    none_failed
    expect 'hooks that ran twice' "$(volume swap-hooks ran | sort | uniq -d)" = ''
    boxctl volume rm -f swap-hooks >/dev/null 2>&1
    expect 'the number of rollouts that ended' "$ended" -eq "$version"
    no_orphans web
}

# Every container belongs to an instance that boxd knows.
no_orphans() {
    local known there
    known=$(status_of "$1" | jq -r '.instances[].name' | sort)
    there=$(boxctl ps -a --format '{{.Names}}' | sort)
    expect 'the containers' "$there" = "$known"
}

# The command dies while its rollout is under way: the rollout does not, and nobody has to unlock anything.
scenario_clients() {
    need_boxd
    must_deploy "$(spec web v0)" || return
    start_load --keep-alive 0 --single 32 --versions 'v*'
    local i signal status refused=0
    for ((i = 1; i <= cancels; i++)); do
        signal=$(printf '%s\n' INT TERM KILL | shuf -n 1)
        boxctl deploy -f "$(spec web "v$i")" --output json >"$place/cancelled.json" 2>"$place/cancelled.err" &
        local command=$!
        # From before it is accepted to shortly before its end.
        sleep "$(jq -n "$((RANDOM % 1500)) / 1000")"
        kill -s "$signal" "$command" 2>/dev/null
        wait "$command"
        until_steady web || break
        deploy "$(spec web "v$i")"
        status=$?
        [ "$status" = 0 ] || refused=$((refused + 1))
        expect "after SIG$signal, the exit code of the next deploy" "$status" -eq 0
        expect 'the version that serves' "$(serving_version)" = "v$i"
    done
    end_load || return
    measured cancels "$((i - 1))" locks_left "$refused"
    none_failed
    no_orphans web
}

# What clients see: one answer of each instance in turn.
serving_version() {
    for _ in 1 2 3 4 5 6 7 8; do curl -s --max-time 5 "http://$address/version"; done | sort -u | paste -sd ' '
}

# Two at the same time, for each way to meet.
scenario_concurrent() {
    need_boxd
    must_deploy "$(spec web v0)" || return
    start_load --keep-alive 0 --single 32 --versions 'v*'
    local way i
    for way in fail queue replace; do
        for ((i = 1; i <= races; i++)); do race "$way" "v$way-$i" || break; done
    done
    end_load || return
    measured races $((races * 3))
    none_failed
    no_orphans web
}

# race WAY NAME: deploys NAME-a and NAME-b.
race() {
    local way=$1 name=$2 one two first second
    first=$(spec web "$name-a") second=$(spec web "$name-b")
    boxctl deploy -f "$first" --if-busy "$way" --output json >"$place/one.json" 2>"$place/one.err" &
    one=$!
    boxctl deploy -f "$second" --if-busy "$way" --output json >"$place/two.json" 2>"$place/two.err" &
    two=$!
    wait "$one"
    one=$?
    wait "$two"
    two=$?
    until_steady web || return
    local serves
    serves=$(serving_version)
    case "$way $one $two" in
        'fail 0 7' | 'replace 0 6') expect "$way: who serves" "$serves" = "$name-a" ;;
        'fail 7 0' | 'replace 6 0') expect "$way: who serves" "$serves" = "$name-b" ;;
        # The one after the other; whichever was the second.
        'queue 0 0') [[ $serves = "$name-a" || $serves = "$name-b" ]] || problem "$way: $serves serves" ;;
        # Not at the same time, after all.
        'fail 0 0' | 'replace 0 0')
            [[ $serves = "$name-a" || $serves = "$name-b" ]] || problem "$way: $serves serves" ;;
        *) problem "$way: the exit codes are $one and $two: $(tail -c 200 "$place/one.err" "$place/two.err")" ;;
    esac
    expect "$way: the number of instances that serve" "$(pooled web | wc -l)" -eq 4
}
