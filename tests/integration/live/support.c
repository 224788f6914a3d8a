/* support: see its header. Invariant: a server is ended by whoever started it, by its id. */
#include "support.h"

#include "marks.h"
#include "uri.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const char *shared_uri(void)
{
    const char *uri = getenv("ZAPORA_TEST_REDIS");
    if (uri == NULL || uri[0] == '\0') {
        (void)fprintf(stderr, "\n*** SKIPPED: ZAPORA_TEST_REDIS is not set; nothing of Redis is tested here ***\n\n");
        return NULL;
    }
    return uri;
}

/* ---- a client of the tests' own --------------------------------------------------------------------------------- */

redisContext *client_open(const char *text)
{
    struct live_uri uri;
    char why[LIVE_WHY_SIZE] = "";
    if (live_uri_parse(text, &uri, why) != ZP_OK) {
        fail_msg("%s", why);
    }
    redisContext *client =
        redisConnectWithTimeout(uri.host, (int)strtol(uri.port, NULL, 10), (struct timeval){ .tv_sec = 10 });
    assert_non_null(client);
    if (client->err != 0) {
        fail_msg("no Redis: %s", client->errstr);
    }
    assert_int_equal(redisSetTimeout(client, (struct timeval){ .tv_sec = 10 }), REDIS_OK);
    if (uri.user[0] != '\0') {
        client_do(client, "AUTH %s %s", uri.user, uri.password);
    } else if (uri.password[0] != '\0') {
        client_do(client, "AUTH %s", uri.password);
    }
    client_do(client, "SELECT %d", (int)uri.db);
    return client;
}

static redisReply *ask(redisContext *client, const char *format, va_list args)
{
    redisReply *reply = redisvCommand(client, format, args);
    if (reply == NULL) {
        fail_msg("%s: %s", format, client->errstr);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", format, reply->str);
    }
    return reply;
}

redisReply *client_ask(redisContext *client, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = ask(client, format, args);
    va_end(args);
    return reply;
}

int64_t client_do(redisContext *client, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = ask(client, format, args);
    va_end(args);
    int64_t number = reply->integer;
    freeReplyObject(reply);
    return number;
}

bool client_says(redisContext *client, const char *want, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = ask(client, format, args);
    va_end(args);
    bool same = want == NULL
                    ? reply->type == REDIS_REPLY_NIL
                    : reply->str != NULL && reply->len == strlen(want) && memcmp(reply->str, want, reply->len) == 0;
    if (!same) {
        print_message("got %s, wanted %s\n", reply->str == NULL ? "nothing" : reply->str,
                      want == NULL ? "nothing" : want);
    }
    freeReplyObject(reply);
    return same;
}

redisContext *client_listen(const char *uri, const struct zp_id *location_id)
{
    redisContext *client = client_open(uri);
    freeReplyObject(client_ask(client, "SSUBSCRIBE %s", live_key_channel(location_id).text));
    return client;
}

struct note_frame client_hear(redisContext *client, redisReply **ret_reply)
{
    void *reply = NULL;
    struct note_frame frame = { .kind = NOTE_EVENT };
    assert_int_equal(redisGetReply(client, &reply), REDIS_OK);
    *ret_reply = reply;
    assert_int_equal((*ret_reply)->elements, 3);
    assert_string_equal((*ret_reply)->element[0]->str, "smessage");
    assert_true(live_note_decode((*ret_reply)->element[2]->str, (*ret_reply)->element[2]->len, &frame));
    return frame;
}

/* ---- the worker's side ------------------------------------------------------------------------------------------ */

struct live_push *push_open(const char *uri, int64_t timeout_ms)
{
    const struct live_settings settings = { .uri = uri, .timeout_ms = timeout_ms, .closed_order_ttl_s = 600,
                                            .receipt_ttl_s = 900 };
    struct live_push *push = NULL;
    char why[LIVE_WHY_SIZE] = "";
    if (live_push_create(&settings, &push, why) != ZP_OK) {
        fail_msg("%s", why);
    }
    return push;
}

int push_events(struct live_push *push, const struct history *history, int64_t first, int64_t last)
{
    struct live_item item = history_item(history, first, last);
    if (live_push_items(push, &item, 1, NULL, 0, NULL, 0) != ZP_OK) {
        fail_msg("%s", live_push_trouble(push));
    }
    return (int)item.result;
}

bool push_head(struct live_push *push, const struct zp_id *location_id, struct live_head *ret_head)
{
    bool known = false;
    assert_int_equal(live_push_heads(push, location_id, 1, ret_head, &known), ZP_OK);
    return known;
}

void push_silently(redisContext *client, const struct history *history, int64_t seq)
{
    const struct note_frame frame = { .kind = NOTE_EVENT, .note = history->notes[seq - 1] };
    struct buffer bytes;
    char head[HEAD_TEXT_SIZE];
    buffer_init(&bytes, NOTE_BYTES_MAX);
    live_note_encode(&frame, &bytes);
    (void)live_head_print(&frame.note.head, head);
    freeReplyObject(client_ask(client, "XADD %s %d-0 n %b", live_key_events(&history->location_id).text, (int)seq,
                               (void *)bytes.data, bytes.len));
    client_do(client, "SET %s %s", live_key_head(&history->location_id).text, head);
    buffer_finish(&bytes);
}

void refill_all(struct live_push *push, const struct history *history)
{
    refill_from(push, history, 1);
}

void refill_from(struct live_push *push, const struct history *history, int64_t first)
{
    struct live_head seen;
    bool known = push_head(push, &history->location_id, &seen), replaced = false;
    const struct live_refill refill = {
        .location_id = history->location_id,
        .head = history->count == 0 ? (struct live_head){ .seq = 0 } : history->notes[history->count - 1].head,
        .events = history->notes + first - 1,
        .event_count = history->count - (size_t)(first - 1),
    };
    assert_int_equal(live_push_refill(push, &refill, known, &seen, &replaced), ZP_OK);
    assert_true(replaced);
}

/* ---- the gateway's side ----------------------------------------------------------------------------------------- */

const struct live_hub_settings hub_settings = {
    .timeout_ms = 5000,
    .receipt_ttl_s = 900,
    .ring_events_max = 64,
    .ring_bytes_max = 1 << 20,
    .rings_bytes_max = 8 << 20,
    .watched_max = 100,
    .pending_max = 20000,
};

struct ears *ears_open(const char *uri, const struct live_hub_settings *settings)
{
    struct ears *ears = calloc(1, sizeof(*ears));
    assert_non_null(ears);
    struct live_hub_settings with_uri = *settings;
    const struct live_reactor lent = reactor_lend(&ears->reactor);
    char why[LIVE_WHY_SIZE] = "";
    with_uri.uri = uri;
    if (live_hub_create(&with_uri, &lent, &ears->hub, why) != ZP_OK) {
        fail_msg("%s", why);
    }
    return ears;
}

void ears_close(struct ears *ears)
{
    live_hub_destroy(ears->hub);
    assert_int_equal(reactor_watched(&ears->reactor), 0);
    free(ears);
}

void ears_turn(struct ears *ears)
{
    live_hub_tick(ears->hub, clock_mono_us());
    reactor_turn(&ears->reactor, 5);
}

/* ---- a server of one's own -------------------------------------------------------------------------------------- */

static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(const struct server *server)
{
    redisContext *client = redisConnectWithTimeout("127.0.0.1", server->port, (struct timeval){ .tv_sec = 1 });
    bool good = client != NULL && client->err == 0;
    redisReply *reply = good ? redisCommand(client, "PING") : NULL;
    good = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    redisFree(client);
    return good;
}

/* In the child: becomes the server, and ends with the test. */
static void become_server(const struct server *server, pid_t parent)
{
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", server->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", server->dir, "--save", "",
           "--appendonly", "no", "--enable-debug-command", "local", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool spawn(struct server *server)
{
    pid_t parent = getpid();
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        become_server(server, parent);
    }
    for (int i = 0; i < 1000 && !answers(server); i++) {
        int status;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
            server->pid = 0;
            return false;
        }
        poll(NULL, 0, 10);
    }
    return true;
}

bool server_start(struct server *server)
{
    *server = (struct server){ .port = free_port(), .dir = "/tmp/zapora-redis.XXXXXX" };
    assert_non_null(mkdtemp(server->dir));
    (void)snprintf(server->uri, sizeof(server->uri), "redis://127.0.0.1:%d/0", server->port);
    if (!spawn(server)) {
        (void)fprintf(stderr, "\n*** SKIPPED: no redis-server could be started; no outage is tested here ***\n\n");
        rmdir(server->dir);
        return false;
    }
    return true;
}

void server_restart(struct server *server)
{
    assert_int_equal(server->pid, 0);
    assert_true(spawn(server));
}

void server_signal(struct server *server, int signal)
{
    assert_true(server->pid > 0);
    assert_int_equal(kill(server->pid, signal), 0);
}

void server_kill(struct server *server)
{
    server_signal(server, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void server_finish(struct server *server)
{
    if (server->pid > 0) {
        server_kill(server);
    }
    (void)rmdir(server->dir);
}
