# The same app, load and limits under Docker Swarm, beside Box. Swarm's own load balancing needs IPVS, which a machine
# may not have: its service has the endpoint mode dnsrr, and HAProxy in front, which asks Swarm's name server.

scenario_swarm() {
    local docker=/usr/bin/docker
    [ -x "$docker" ] && command -v dockerd haproxy >/dev/null ||
        { problem 'docker.io and haproxy are missing (scripts/setup --swap)'; return; }
    need_boxd
    local extra='{"env": {"WEB_SIGTERM": "graceful"}, "drain": {"lame_duck": {"signal": "USR1"}, "timeout": "10s"}}'
    must_deploy "$(spec web v0 "$extra")" || return
    start_load --slow 1 --versions 'v*'
    must_deploy "$(spec web v1 "$extra")"
    until_sent $((requests / 10))
    end_load || return
    # Configured waits: four times the time to be stable, and answers of a second that each drain waits for.
    local ours waits
    ours=$(jq .timings.total "$result")
    waits=$(jq -n '4 * (0.2 + 1)')
    measured box_failed "$(load .failed)" box_seconds "$ours" \
        box_net "$(jq -n "$ours - $waits | . * 1000 | round / 1000")"
    none_failed

    begin_swarm || { problem "Swarm does not run here: $(tail -n 3 "$place/docker.log")"; end_swarm; return; }
    local order begun ended least=9999
    for order in start-first stop-first; do
        start_load_in_swarm
        swarm_docker service update --detach --update-order "$order" --update-parallelism 1 --update-delay 0s \
            --env-add "WEB_VERSION=$order" web >/dev/null 2>>"$place/docker.err"
        until_updated || break
        sleep 1
        end_load || break
        local took
        took=$(swarm_docker service inspect -f '{{json .UpdateStatus}}' web | jq '
            def seconds: sub("\\.[0-9]+Z$"; "Z") | fromdate;
            def part: capture("\\.(?<digits>[0-9]{1,3})").digits | "0.\(.)" | tonumber;
            (.CompletedAt | seconds + part) - (.StartedAt | seconds + part) | . * 1000 | round / 1000')
        measured "swarm_${order/-/_}_failed" "$(load .failed)" "swarm_${order/-/_}_seconds" "$took"
        least=$(jq -n "[$least, $took] | min")
    done
    end_swarm
    expect "Box's seconds net of waits" "$(jq -n "$ours - $waits")" '<=' "$(jq -n "$least / 4")"
}

begin_swarm() {
    export DOCKER_HOST="unix://$place/docker.sock"
    # Its firewall and its addresses are its own.
    unshare --net --mount --propagation private sleep infinity &
    swarm_pid=$!
    others+=("$swarm_pid")
    sleep 0.2
    # An array and no function: what is started with it in the background has the pid that the shell sees.
    in_swarm=(nsenter --net="/proc/$swarm_pid/ns/net" --mount="/proc/$swarm_pid/ns/mnt")
    "${in_swarm[@]}" ip link set lo up
    "${in_swarm[@]}" ip route add local 10.80.0.0/16 dev lo
    "${in_swarm[@]}" ip link add up0 type bridge
    "${in_swarm[@]}" ip address add 10.81.0.1/24 dev up0
    "${in_swarm[@]}" ip link set up0 up
    "${in_swarm[@]}" dockerd --data-root "$place/docker" --exec-root "$place/docker-run" --pidfile "$place/docker.pid" \
        --host "$DOCKER_HOST" --cgroup-parent "$cgroup" --userland-proxy=false >"$place/docker.log" 2>&1 &
    dockerd_pid=$!
    others+=("$dockerd_pid")
    for _ in $(seq 100); do swarm_docker version >/dev/null 2>&1 && break; sleep 0.1; done
    swarm_docker swarm init --advertise-addr 10.81.0.1 --listen-addr 10.81.0.1 --default-addr-pool 10.82.0.0/16 \
        >/dev/null && swarm_docker load -q -i "$images/web.tar" >/dev/null &&
        swarm_docker load -q -i "$images/busybox.tar" >/dev/null &&
        swarm_docker network create -d overlay --attachable front >/dev/null &&
        swarm_docker service create --quiet --name web --network front --endpoint-mode dnsrr --replicas 4 \
            --no-resolve-image --health-interval 200ms --stop-grace-period 10s -e WEB_VERSION=v0 \
            -e WEB_SIGTERM=graceful web >/dev/null &&
        # HAProxy is this machine's; it runs where the service's names are known.
        swarm_docker run -d --name front --network front -p 80:8080 busybox sleep 100000 >/dev/null || return 1
    haproxy_file
    nsenter --net="/proc/$(swarm_docker inspect -f '{{.State.Pid}}' front)/ns/net" \
        haproxy -db -f "$place/haproxy.cfg" >"$place/haproxy.log" 2>&1 &
    haproxy_pid=$!
    for _ in $(seq 100); do
        [ "$("${in_swarm[@]}" curl -s --max-time 1 "http://$address/version")" = v0 ] && return
        sleep 0.1
    done
    return 1
}

haproxy_file() {
    cat >"$place/haproxy.cfg" <<-'END'
	global
	    maxconn 4096
	    nbthread 1
	defaults
	    mode http
	    timeout connect 2s
	    timeout client 30s
	    timeout server 30s
	    retries 3
	    option redispatch 1
	    retry-on all-retryable-errors
	resolvers docker
	    nameserver swarm 127.0.0.11:53
	    resolve_retries 3
	    timeout resolve 200ms
	    timeout retry 200ms
	    hold valid 200ms
	frontend front
	    bind :8080
	    default_backend web
	backend web
	    balance roundrobin
	    server-template web 8 web:8080 check inter 200ms resolvers docker init-addr none
	END
}

swarm_docker() { "${in_swarm[@]}" /usr/bin/docker "$@"; }

start_load_in_swarm() {
    "${in_swarm[@]}" "$programs/swap-load" --rate "$rate" --duration 3600 --sources "$sources" --live "$place/live" \
        --slow 1 --slow-ms 1000 --timeout 20 "http://$address" >"$place/load.json" 2>"$place/load.err" &
    load_pid=$!
    sleep 0.5
}

until_updated() {
    local deadline=$((SECONDS + 120)) state=
    until [ "$state" = completed ]; do
        ((SECONDS < deadline)) || { problem "Swarm's update is ${state:-nothing} after 120 s"; return 1; }
        sleep 0.2
        state=$(swarm_docker service inspect -f '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' web 2>/dev/null)
    done
}

end_swarm() {
    if [ -n "${haproxy_pid-}" ]; then kill "$haproxy_pid" && wait "$haproxy_pid"; fi
    swarm_docker swarm leave --force >/dev/null
    swarm_docker ps -aq | xargs -r "${in_swarm[@]}" /usr/bin/docker rm -f >/dev/null
    kill "$dockerd_pid" && wait "$dockerd_pid"
    kill "$swarm_pid" && wait "$swarm_pid"
    others=() haproxy_pid=
    unset DOCKER_HOST
} 2>/dev/null
