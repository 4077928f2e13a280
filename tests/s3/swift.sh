#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real object store: OpenStack Swift with its S3 interface, one host, on 127.0.0.1:PORT to PORT+4, all state below DIRECTORY.
#   swift.sh PORT DIRECTORY      starts it, and returns once it answers; process ids in DIRECTORY/run/pids
# Debian: apt-get install --no-install-recommends swift-proxy swift-account swift-container swift-object memcached curl
# S3: endpoint http://127.0.0.1:PORT, region us-east-1, path style, access key "test:tester", secret "testing".
set -euo pipefail
port=${1:?port} dir=$(mkdir -p "${2:?directory}" && cd "$2" && pwd)
me=$(id -un)
mkdir -p "$dir/etc" "$dir/node/d1" "$dir/run" "$dir/log" "$dir/cache"
ring() { # name, port
    swift-ring-builder "$dir/etc/$1.builder" create 4 1 1 >/dev/null
    swift-ring-builder "$dir/etc/$1.builder" add "r1z1-127.0.0.1:$2/d1" 1 >/dev/null
    swift-ring-builder "$dir/etc/$1.builder" rebalance >/dev/null || [ $? -le 1 ]
}
rings=()
ring object $((port + 1)) & rings+=($!)
ring container $((port + 2)) & rings+=($!)
ring account $((port + 3)) & rings+=($!)
for ring in "${rings[@]}"; do wait "$ring"; done
cat >"$dir/etc/swift.conf" <<C
[swift-hash]
swift_hash_path_suffix = test
swift_hash_path_prefix = test
[storage-policy:0]
name = Policy-0
default = yes
[swift-constraints]
max_header_size = 16384
C
for server in object container account; do
    case $server in object) at=$((port + 1)) ;; container) at=$((port + 2)) ;; account) at=$((port + 3)) ;; esac
    cat >"$dir/etc/$server.conf" <<C
[DEFAULT]
devices = $dir/node
mount_check = false
bind_ip = 127.0.0.1
bind_port = $at
workers = 0
user = $me
swift_dir = $dir/etc
recon_cache_path = $dir/cache
[pipeline:main]
pipeline = $server-server
[app:$server-server]
use = egg:swift#$server
C
done
cat >"$dir/etc/proxy.conf" <<C
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
user = $me
swift_dir = $dir/etc
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
C
start() {
    "$@" >"$dir/log/$(basename "$1").log" 2>&1 </dev/null &
    echo $! >>"$dir/run/pids"
}
start memcached -u "$me" -l 127.0.0.1 -p $((port + 4)) -m 16
start swift-object-server "$dir/etc/object.conf"
start swift-container-server "$dir/etc/container.conf"
start swift-account-server "$dir/etc/account.conf"
start swift-proxy-server "$dir/etc/proxy.conf"
for _ in $(seq 600); do
    if [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/healthcheck")" = 200 ]; then
        exit 0
    fi
    sleep 0.2
done
echo "swift did not come up; see $dir/log" >&2
exit 1
