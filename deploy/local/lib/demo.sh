# shellcheck shell=bash
# The demo: four people, one restaurant, one order, all made the way real ones are.

demo_dir=$local_root/deploy/local/demo

# Step: one account of each role. Staff belong to the demo restaurant.
demo_users() {
    local role
    local -a location
    for role in customer kitchen manager admin; do
        location=(--location "$(env_read ZAPORA_DEMO_LOCATION)")
        [[ $role != customer ]] || location=()
        env_read "ZAPORA_DEMO_${role^^}_PASSWORD" | zapora_run user add --password-file - --role "$role" \
            --email "$(env_read "ZAPORA_DEMO_${role^^}_EMAIL")" --name "Demo ${role^}" "${location[@]}"
    done
    step_note 'customer, kitchen, manager, admin'
}

# Step: settings and menu. A later up leaves them as they are now, unless the file changed: somebody may have edited
# the menu.
demo_restaurant() {
    local file=$demo_dir/restaurant.json stamp=$local_dir/demo-loaded sum items
    sum=$(sha256sum <"$file")
    items="$(jq '.menu.items | length' "$file") items"
    if [[ $(cat "$stamp" 2>/dev/null) == "$sum" ]]; then
        step_note "loaded before, $items"
        return
    fi
    zapora_run menu apply "$file" --location "$(env_read ZAPORA_DEMO_LOCATION)"
    printf '%s\n' "$sum" >"$stamp"
    step_note "$(jq -r .location.name "$file"), $items"
}

# demo_request STATUS METHOD PATH [CURL-ARGUMENT...]: prints the body; fails unless the answer has that status. A 503
# says that a retry is safe, and in the first seconds of a stack it is no fault: so it is retried for a while.
demo_request() {
    local want=$1 method=$2 path=$3 body status
    local -i deadline=$((SECONDS + 15))
    shift 3
    while :; do
        body=$(curl -sS --noproxy '*' --max-time 20 -X "$method" -H 'Content-Type: application/json' \
            -w '\n%{http_code}' "$@" "$(env_read ZAPORA_URL)$path") || true
        status=${body##*$'\n'}
        body=${body%"$status"}
        printf '%s %s: %s\n' "$method" "$path" "$status" >&2
        if [[ $status != 503 ]] || ((SECONDS >= deadline)); then
            break
        fi
        sleep 0.5
    done
    if [[ $status != "$want" ]]; then
        printf '%s\n' "$body" >&2
        step_cause "$method ${path%%\?*} was answered with $status instead of $want;" \
            "logs/gateway-1.log has the request by its request_id"
        return 1
    fi
    printf '%s' "$body"
}

# A basket the menu allows: the first two items on sale, of each option group the first `min` options.
demo_basket() {
    jq -c --arg location "$1" '{
        location_id: $location, type: "pickup", customer: { name: "Demo Customer" },
        lines: [.items[] | select(.available)][:2] | map({
            item_id: .id, quantity: 1,
            options: [.option_groups[]? | .min as $min | [.options[] | select(.available)][:$min][]
                      | { option_id: .id, quantity: 1 }]
        })
    }'
}

# Secrets lie in files that only we can read: a command line is there for everybody.
demo_login() {
    email=$(env_read ZAPORA_DEMO_CUSTOMER_EMAIL) password=$(env_read ZAPORA_DEMO_CUSTOMER_PASSWORD) \
        jq -n '{ email: env.email, password: env.password }' >"$step_dir/login"
    demo_request 200 POST /auth/login --data-binary "@$step_dir/login" |
        jq -r '"Authorization: Bearer \(.access_token)"' >"$step_dir/token"
}

# The menu as the gateway has it. It reads every few seconds what was written, and may have met the restaurant between
# its settings and its menu.
demo_menu() {
    local menu
    local -i deadline=$((SECONDS + 15))
    until menu=$(demo_request 200 GET "/menu-items?location_id=$1") && jq -e '.items | length > 0' <<<"$menu" >&2; do
        if ((SECONDS >= deadline)); then
            step_cause 'the menu was applied, but the gateway still shows none; logs/gateway-1.log may say why'
            return 1
        fi
        sleep 0.2
    done
    printf '%s' "$menu"
}

# Step: an order by the public API, from submitted to accepted.
demo_order() {
    local location menu basket order id status seen began number total currency
    local -i tries=0
    location=$(env_read ZAPORA_DEMO_LOCATION)
    demo_login
    menu=$(demo_menu "$location")
    basket=$(demo_basket "$location" <<<"$menu")
    began=$EPOCHREALTIME
    order=$(demo_request 202 POST /orders -H "@$step_dir/token" -H "Idempotency-Key: $(random_uuid)" \
        --data-binary "$basket")
    id=$(jq -r .id <<<"$order")
    seen=$(jq -r .status <<<"$order")
    status=$seen
    until [[ $status == accepted ]]; do
        if [[ $status != submitted ]] || ((++tries > 4)); then
            printf '%s\n' "$order"
            step_cause "the order is \"$status\": its \"reasons\" are in the log above," \
                'and the logs of the workers have the outcome'
            return 1
        fi
        order=$(demo_request 200 GET "/orders/$id?wait=5" -H "@$step_dir/token" \
            -H "If-None-Match: \"$(jq -r .version <<<"$order")\"")
        status=$(jq -r .status <<<"$order")
    done
    read -r number total currency <<<"$(jq -r '"\(.number) \(.total) \(.currency)"' <<<"$order")"
    printf -v total '%d.%02d' $((total / 100)) $((total % 100))
    step_note "$seen -> $status in $(step_seconds "$began") s: number $number, $total $currency"
}
