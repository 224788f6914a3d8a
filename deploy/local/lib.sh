# shellcheck shell=bash
# The local stack's library: where things lie, and the rooms below. Sourced by deploy/local/{up,down} and tests/run, which set
# -euo pipefail first. It starts nothing by itself.
shopt -s inherit_errexit # a failed command inside $(…) is a failure too

local_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
local_lib=$local_root/deploy/local/lib

# shellcheck source=deploy/local/lib/step.sh
. "$local_lib/step.sh"
# shellcheck source=deploy/local/lib/state.sh
. "$local_lib/state.sh"
# shellcheck source=deploy/local/lib/packages.sh
. "$local_lib/packages.sh"
# shellcheck source=deploy/local/lib/build.sh
. "$local_lib/build.sh"
# shellcheck source=deploy/local/lib/part.sh
. "$local_lib/part.sh"
# shellcheck source=deploy/local/lib/kafka.sh
. "$local_lib/kafka.sh"
# shellcheck source=deploy/local/lib/postgres.sh
. "$local_lib/postgres.sh"
# shellcheck source=deploy/local/lib/pgbouncer.sh
. "$local_lib/pgbouncer.sh"
# shellcheck source=deploy/local/lib/replica.sh
. "$local_lib/replica.sh"
# shellcheck source=deploy/local/lib/redis.sh
. "$local_lib/redis.sh"
# shellcheck source=deploy/local/lib/zapora.sh
. "$local_lib/zapora.sh"
# shellcheck source=deploy/local/lib/demo.sh
. "$local_lib/demo.sh"
