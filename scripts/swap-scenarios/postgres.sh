# A database that swaps its version: PostgreSQL on a volume that one server at a time may have, and clients that insert
# rows, each by a connection of its own. What a client was told is written must be there at the end.

scenario_postgres() {
    need_boxd
    [ -e "$images/postgres.tar" ] || { problem 'there is no image postgres: scripts/build-images postgres'; return; }
    boxctl load -q -i "$images/postgres.tar" >/dev/null || { problem 'the image postgres could not be loaded'; return; }
    must_deploy "$(database v0)" || return
    local clients
    python3 scripts/swap-scenarios/insert-rows "$address" 5432 8 >"$place/rows.json" 2>"$place/rows.err" &
    clients=$!
    others+=("$clients")
    sleep 1
    local i slowest=0
    for ((i = 1; i <= (quick ? 1 : 3); i++)); do
        must_deploy "$(database "v$i" "$(migrating "ALTER TABLE rows ADD COLUMN v$i int")")" || break
        slowest=$(jq -n "[$slowest, $(jq .timings.total "$result")] | max")
        until_through
    done
    # A migration that fails half way, and one of a version that does not come up: all as before.
    deploy "$(database broken "$(migrating 'CREATE TABLE half(); SELECT 1/0')")"
    expect 'the exit code after a migration that failed' $? -eq 3
    until_through
    deploy "$(database ill "$(migrating 'CREATE TABLE whole()')" '{"health": {"exec": ["false"],
        "healthy_deadline": "1s"}}')"
    expect 'the exit code after a version that is ill' $? -eq 3
    until_through
    kill "$clients"
    wait "$clients"
    others=()
    if [ ! -s "$place/rows.json" ]; then
        problem "the clients ended without a word: $(tail -c 400 "$place/rows.err")"
        return
    fi
    row() { jq -r "$1" "$place/rows.json"; }
    measured requests "$(row .acknowledged)" failed "$(row .failed)" missing "$(row .missing)" \
        max_ms "$(row .max_ms)" slowest_rollout "$slowest"
    expect 'the number of failed inserts' "$(row .failed)" -eq 0 || problem "$(row '.first_failures | join("; ")')"
    expect 'the number of acknowledged rows' "$(row .acknowledged)" -ge $((quick ? 50 : 500))
    expect 'the number of acknowledged rows that are missing' "$(row .missing)" -eq 0
    expect 'the tables, migrations that failed not among them' "$(row '.tables | join(" ")')" = rows
    expect 'the longest wait of a client in ms' "$(row .max_ms)" '<=' 15000
    remove_services
    boxctl volume rm -f swap-rows >/dev/null 2>&1
}

# A client tries again after 1, 2, 4 and 8 seconds: one that was held is to be through before the next hold.
until_through() { sleep 9; }

# database VERSION [JSON…]: its spec file.
database() {
    local version=$1
    shift
    spec web "$version" '{"image": "postgres", "scale": {"desired": 1},
        "env": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
        "ports": [{"name": "sql", "target": 5432, "publish": 5432}],
        "volumes": [{"name": "swap-rows", "at": "/var/lib/postgresql/data", "access": "exclusive"}],
        "health": {"exec": ["pg_isready", "-q", "-h", "127.0.0.1"], "healthy_deadline": "60s",
            "start_timeout": "60s"},
        "drain": {"stop_signal": "INT"},
        "deploy": {"strategy": "recreate", "hold_timeout": "15s", "reversible": true}}' "$@" |
        while read -r file; do jq 'del(.health.http)' "$file" >"$file.sql" && echo "$file.sql"; done
}

# migrating SQL: a server that nobody else can reach, for as long as that takes.
migrating() {
    jq -n --arg sql "$1" '{hooks: {before_deploy: {run: ["setpriv", "--reuid=postgres", "--regid=postgres",
        "--clear-groups", "sh", "-ec",
        "pg_ctl -D $PGDATA -o \"-c listen_addresses=\" -w -s start
        code=0
        psql -q -v ON_ERROR_STOP=1 -c \"\($sql)\" || code=$?
        pg_ctl -D $PGDATA -m fast -w -s stop
        exit $code"]}}}'
}
