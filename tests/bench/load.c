/* The load generator of the bench. Prints one JSON object. Modes:
 *
 * closed  each of N clients places an order, waits for the answer, places the next
 * open    orders are due at a fixed rate, whether or not earlier ones were answered; latency counts from when one was
 *         due; every K-th order is followed by GET /orders/{id}?wait= on another connection: from due to visible
 * read    each of N clients gets the same path again and again; {id} in it walks through the ids of a file
 * kitchen as open, and the kitchen keeps up: beyond OPEN_TICKETS the oldest order is started, readied and completed;
 *         every 100th placement is sent a second time with its key. Prints an object each EVERY seconds, of these alone
 *
 * Request bodies come from a file, one a line; tokens are read again every 10 s. usage: load MODE PORT TOKEN_FILE
 * BODIES|PATH SECONDS CLIENTS|RATE [SAMPLE_EVERY|IDS_FILE [KITCHEN_TOKEN_FILE OPEN_TICKETS EVERY]] */
#include "bench.h"
#include "client.h"
#include "histogram.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define BODIES_MAX 100000
#define OPEN_CLIENTS 400
#define WAIT_CLIENTS 200
#define BACKLOG_MAX 200000
#define TICKETS_MAX 1000000
#define RETRY_EVERY 100
#define TOKENS_US 10000000

enum mode { MODE_CLOSED, MODE_OPEN, MODE_READ, MODE_KITCHEN };

struct load {
    enum mode mode;
    int port, epoll_fd, pid;
    char token[4096], kitchen_token[4096];
    const char *token_path, *kitchen_token_path;
    int64_t tokens_us; /* when they were read */
    char *bodies[BODIES_MAX];
    size_t body_count;
    const char *path;
    int64_t start_us, end_us;
    double rate;
    long sample_every;
    long sent, answered, failed;
    long sent_before; /* the reports that were printed */
    long statuses[600];
    struct client *clients, *free_clients, *free_waiters;
    size_t client_count;
    int64_t due[BACKLOG_MAX]; /* orders that were due while no connection was free */
    size_t due_first, due_count;
    char (*tickets)[37]; /* those that the kitchen has not begun, oldest first */
    size_t ticket_first, ticket_count, tickets_kept;
    long steps, repeats;
    int64_t every_us, line_us; /* between two reports; of the last one */
    struct histogram answer, visible, step;
};

/* ---- requests ------------------------------------------------------------------------------------------ */

static void fill_order(struct load *load, struct client *client)
{
    const char *body = load->bodies[(size_t)(load->sent_before + load->sent) % load->body_count];
    int len = snprintf(
        client->out, CLIENT_OUT_MAX,
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: b-%d-%lld-%ld\r\nContent-Length: %zu\r\n\r\n%s",
        load->token, load->pid, (long long)load->start_us, load->sent_before + load->sent, strlen(body), body);
    client->step = 0;
    if (len >= CLIENT_OUT_MAX) {
        bench_die("a request is too large");
    }
    client->out_len = (size_t)len;
    client->is_wait = false;
}

static void fill_get(struct load *load, struct client *client, const char *path, const char *id)
{
    const char *at = strstr(path, "{id}");
    int len = at == NULL ? snprintf(client->out, CLIENT_OUT_MAX,
                                    "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path,
                                    load->token)
                         : snprintf(client->out, CLIENT_OUT_MAX,
                                    "GET %.*s%s%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
                                    (int)(at - path), path, id, at + 4, load->token);
    client->out_len = (size_t)len;
}

static void watch(struct load *load, struct client *client)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    if (!client_connect(client, load->port) || epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        bench_die("cannot connect");
    }
    client->is_fresh = true;
}

/* Sends on a connection that may have been closed while it was idle: then once more on a new one, as any HTTP client
 * does. */
static bool send_request(struct load *load, struct client *client)
{
    if (client->fd < 0) {
        watch(load, client);
    }
    bool sent = client_send(client);
    if (!sent && !client->is_fresh) {
        client_close(client);
        watch(load, client);
        sent = client_send(client);
    }
    return sent;
}

static void send_now(struct load *load, struct client *client, int64_t since_us)
{
    client->since_us = since_us;
    client->is_busy = true;
    if (!client->is_wait && client->step == 0) {
        load->sent++;
    }
    if (!send_request(load, client)) {
        bench_die("cannot send"); /* a new connection that takes no request: there is nothing to measure */
    }
}

static void place(struct load *load, struct client *client, int64_t since_us)
{
    fill_order(load, client);
    send_now(load, client, since_us);
}

static const char *const steps[] = { NULL, "start", "ready", "complete" };
#define STEPS_LAST 3

static void send_step(struct load *load, struct client *client, int step)
{
    int len = snprintf(client->out, CLIENT_OUT_MAX,
                       "POST /orders/%s/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                       client->order, steps[step], load->kitchen_token);
    client->out_len = (size_t)len;
    client->is_wait = false;
    client->step = step;
    load->steps++;
    send_now(load, client, bench_now_us());
}

static void read_again(struct load *load, struct client *client)
{
    fill_get(load, client, load->path,
             load->body_count == 0 ? "" : load->bodies[(size_t)load->sent % load->body_count]);
    send_now(load, client, bench_now_us());
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static void give_back(struct load *load, struct client *client)
{
    struct client **list = client->is_wait ? &load->free_waiters : &load->free_clients;
    client->next_free = *list;
    *list = client;
}

static bool find_id(const struct answer *answer, char ret_id[37])
{
    const char *id = memmem(answer->body, answer->body_len, "\"id\":\"", 6);
    bool is_placed = answer->status == 202 || answer->status == 201; /* a peer without a log answers when it is done */
    if (id == NULL || !is_placed) {
        return false;
    }
    memcpy(ret_id, id + 6, 36);
    ret_id[36] = '\0';
    return true;
}

/* Follows a sampled order until it is visible. */
static void follow(struct load *load, const struct client *client, const struct answer *answer)
{
    struct client *waiter = load->free_waiters;
    char text[37];
    if (waiter == NULL || !find_id(answer, text)) {
        return;
    }
    load->free_waiters = waiter->next_free;
    fill_get(load, waiter, "/orders/{id}?wait=10", text);
    send_now(load, waiter, client->since_us);
}

/* The same request once more, as a client does that heard nothing. */
static void repeat(struct load *load, struct client *client)
{
    load->repeats++;
    client->step = -1;
    send_now(load, client, bench_now_us());
}

/* Puts a new order up, and has the oldest one cooked when there are too many. True: the client is taken for that. */
static bool cook(struct load *load, struct client *client, const struct answer *answer)
{
    char *last = load->tickets[(load->ticket_first + load->ticket_count) % TICKETS_MAX];
    if (load->ticket_count < TICKETS_MAX && find_id(answer, last)) {
        load->ticket_count++;
    }
    if (load->ticket_count <= load->tickets_kept) {
        return false;
    }
    memcpy(client->order, load->tickets[load->ticket_first], sizeof client->order);
    load->ticket_first = (load->ticket_first + 1) % TICKETS_MAX;
    load->ticket_count--;
    send_step(load, client, 1);
    return true;
}

static bool is_paced(const struct load *load)
{
    return load->mode == MODE_OPEN || load->mode == MODE_KITCHEN;
}

static void go_on(struct load *load, struct client *client, int64_t now)
{
    if (is_paced(load)) {
        if (load->due_count > 0) {
            int64_t since = load->due[load->due_first];
            load->due_first = (load->due_first + 1) % BACKLOG_MAX;
            load->due_count--;
            place(load, client, since);
        } else {
            give_back(load, client);
        }
    } else if (now < load->end_us) {
        load->mode == MODE_READ ? read_again(load, client) : place(load, client, now);
    }
}

static void take_answer(struct load *load, struct client *client, const struct answer *answer)
{
    int64_t now = bench_now_us();
    client->is_busy = false;
    client->is_fresh = false;
    load->statuses[answer->status >= 100 && answer->status < 600 ? answer->status : 0]++;
    if (client->is_wait) {
        if (answer->status == 200 && memmem(answer->body, answer->body_len, "\"status\":\"submitted\"", 20) == NULL) {
            histogram_add(&load->visible, now - client->since_us);
        } else {
            load->failed++;
        }
        give_back(load, client);
        return;
    }
    if (client->step > 0) {
        histogram_add(&load->step, now - client->since_us);
        if (client->step < STEPS_LAST && answer->status == 202) {
            send_step(load, client, client->step + 1);
        } else {
            go_on(load, client, now);
        }
        return;
    }
    if (client->step < 0) {
        go_on(load, client, now);
        return;
    }
    load->answered++;
    histogram_add(&load->answer, now - client->since_us);
    if (is_paced(load) && load->answered % load->sample_every == 0) {
        follow(load, client, answer);
    }
    if (load->mode == MODE_KITCHEN && load->answered % RETRY_EVERY == 0) {
        repeat(load, client);
        return;
    }
    if (load->mode == MODE_KITCHEN && cook(load, client, answer)) {
        return;
    }
    go_on(load, client, now);
}

/* The gateway closes what is idle; when it did so just as we sent, the same request goes out once more. */
static void lose_connection(struct load *load, struct client *client)
{
    client_close(client);
    if (!client->is_busy) {
        return;
    }
    if (!client->is_fresh && client->in_len == 0) {
        if (!send_request(load, client)) {
            bench_die("cannot send");
        }
        return;
    }
    load->failed++;
    client->is_busy = false;
    if (client->is_wait) {
        give_back(load, client);
    } else {
        go_on(load, client, bench_now_us());
    }
}

static void serve(struct load *load, struct client *client)
{
    struct answer answer;
    int state = client_read(client, &answer);
    if (state > 0) {
        take_answer(load, client, &answer);
    } else if (state < 0) {
        lose_connection(load, client);
    }
}

/* ---- reports and tokens ----------------------------------------------------------------------------------- */

static void report(const struct load *load, double seconds, const char *mode)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    double user_us = (double)usage.ru_utime.tv_sec * 1e6 + (double)usage.ru_utime.tv_usec;
    double each = load->answered == 0 ? 1 : (double)load->answered;
    printf(
        "{\"mode\":\"%s\",\"seconds\":%.2f,\"sent\":%ld,\"answered\":%ld,\"failed\":%ld,"
        "\"per_second\":%.1f,\"own_cpu_us_each\":%.2f,\"own_user_us_each\":%.2f,",
        mode, seconds, load->sent, load->answered, load->failed, (double)load->answered / seconds, cpu_us / each,
        user_us / each);
    printf("\"statuses\":{");
    const char *comma = "";
    for (int i = 0; i < 600; i++) {
        if (load->statuses[i] > 0) {
            printf("%s\"%d\":%ld", comma, i, load->statuses[i]);
            comma = ",";
        }
    }
    printf("},\"answer\":");
    histogram_print(&load->answer, stdout);
    printf(",\"visible\":");
    histogram_print(&load->visible, stdout);
    if (load->mode == MODE_KITCHEN) {
        printf(",\"tickets\":%zu,\"steps\":%ld,\"repeats\":%ld,\"step\":", load->ticket_count, load->steps,
               load->repeats);
        histogram_print(&load->step, stdout);
    }
    printf("}\n");
    fflush(stdout);
}

static void read_tokens(struct load *load)
{
    load->tokens_us = bench_now_us();
    bench_read_line(load->token_path, load->token, sizeof load->token);
    if (load->kitchen_token_path != NULL) {
        bench_read_line(load->kitchen_token_path, load->kitchen_token, sizeof load->kitchen_token);
    }
}

/* Tokens end after a quarter of an hour; a report is about what happened since the last one. */
static void look_around(struct load *load)
{
    int64_t now = bench_now_us();
    if (now - load->tokens_us > TOKENS_US) {
        read_tokens(load);
    }
    if (now - load->line_us < load->every_us) {
        return;
    }
    report(load, (double)(now - load->line_us) / 1e6, "kitchen");
    load->line_us = now;
    load->sent_before += load->sent;
    load->sent = load->answered = load->failed = load->steps = load->repeats = 0;
    memset(load->statuses, 0, sizeof load->statuses);
    memset(&load->answer, 0, sizeof load->answer);
    memset(&load->visible, 0, sizeof load->visible);
    memset(&load->step, 0, sizeof load->step);
}

/* ---- the clock ----------------------------------------------------------------------------------------------- */

/* Places every order that is due; gives the time until the next one in nanoseconds. */
static int64_t place_due(struct load *load, long *due_count)
{
    int64_t now = bench_now_us();
    for (;;) {
        int64_t due = load->start_us + (int64_t)((double)*due_count * 1e6 / load->rate);
        if (due >= load->end_us) {
            return 10000000;
        }
        if (due > now) {
            return (due - now) * 1000;
        }
        (*due_count)++;
        struct client *client = load->free_clients;
        if (client != NULL) {
            load->free_clients = client->next_free;
            place(load, client, due);
        } else if (load->due_count < BACKLOG_MAX) {
            load->due[(load->due_first + load->due_count++) % BACKLOG_MAX] = due;
        } else {
            load->failed++;
        }
    }
}

static void run(struct load *load, int64_t seconds)
{
    struct epoll_event events[256];
    long due_count = 0;
    load->start_us = load->line_us = bench_now_us();
    load->end_us = load->start_us + seconds * 1000000;
    for (size_t i = 0; i < load->client_count && !is_paced(load); i++) {
        load->mode == MODE_READ ? read_again(load, &load->clients[i]) : place(load, &load->clients[i], bench_now_us());
    }
    while (bench_now_us() < load->end_us + (is_paced(load) ? 2000000 : 0)) {
        int64_t wait_ns = is_paced(load) ? place_due(load, &due_count) : 10000000;
        struct timespec wait = { .tv_nsec = (long)(wait_ns < 10000000 ? wait_ns : 10000000) };
        int count = epoll_pwait2(load->epoll_fd, events, 256, &wait, NULL);
        for (int i = 0; i < count; i++) {
            serve(load, events[i].data.ptr);
        }
        if (load->mode == MODE_KITCHEN) {
            look_around(load);
        }
    }
}

/* ---- set-up ------------------------------------------------------------------------------------------------ */

static void make_clients(struct load *load, size_t count, size_t waiters)
{
    load->client_count = count;
    load->clients = calloc(count + waiters, sizeof *load->clients);
    if (load->clients == NULL) {
        bench_die("clients");
    }
    for (size_t i = 0; i < count + waiters; i++) {
        struct client *client = &load->clients[i];
        client->is_wait = i >= count;
        watch(load, client);
        give_back(load, client);
    }
}

static const struct { const char *name; enum mode mode; } modes[] = {
    { "closed", MODE_CLOSED }, { "open", MODE_OPEN }, { "read", MODE_READ }, { "kitchen", MODE_KITCHEN },
};
#define MODE_COUNT (sizeof modes / sizeof modes[0])

int main(int argc, char **argv)
{
    static struct load load;
    size_t mode = 0;
    while (mode < MODE_COUNT && (argc < 7 || strcmp(argv[1], modes[mode].name) != 0)) {
        mode++;
    }
    if (mode == MODE_COUNT || (modes[mode].mode == MODE_KITCHEN && argc != 11)) {
        fprintf(stderr, "usage: load closed|open|read|kitchen PORT TOKEN_FILE BODIES|PATH SECONDS CLIENTS|RATE "
                        "[SAMPLE_EVERY|IDS_FILE [KITCHEN_TOKEN_FILE OPEN_TICKETS EVERY]]\n");
        return 2;
    }
    load.mode = modes[mode].mode;
    load.port = (int)strtol(argv[2], NULL, 10);
    load.path = argv[4];
    load.rate = strtod(argv[6], NULL);
    load.sample_every = is_paced(&load) && argc > 7 ? strtol(argv[7], NULL, 10) : 1;
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load.pid = (int)getpid();
    load.token_path = argv[3];
    if (load.mode == MODE_KITCHEN) {
        load.kitchen_token_path = argv[8];
        load.tickets_kept = (size_t)strtol(argv[9], NULL, 10);
        load.every_us = strtol(argv[10], NULL, 10) * 1000000;
        load.tickets = calloc(TICKETS_MAX, sizeof *load.tickets);
    }
    if (load.mode == MODE_KITCHEN && (load.tickets == NULL || load.tickets_kept >= TICKETS_MAX)) {
        bench_die("tickets");
    }
    read_tokens(&load);
    if (load.mode != MODE_READ) {
        load.body_count = bench_read_lines(argv[4], load.bodies, BODIES_MAX);
    } else if (argc > 7) {
        load.body_count = bench_read_lines(argv[7], load.bodies, BODIES_MAX);
    }
    make_clients(&load, is_paced(&load) ? OPEN_CLIENTS : (size_t)load.rate, is_paced(&load) ? WAIT_CLIENTS : 0);
    int64_t seconds = strtol(argv[5], NULL, 10);
    run(&load, seconds);
    if (load.mode != MODE_KITCHEN) {
        report(&load, (double)seconds, argv[1]);
    }
    return load.answered + load.sent_before == 0;
}
