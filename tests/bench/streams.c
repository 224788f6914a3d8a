/* Many event streams of one location, for tests/bench/streams. Opens COUNT of them and prints a line once each has had
 * a heartbeat; for each line on its input it then places an order, and prints when it was answered, and when the first
 * and the last stream were served its event, in microseconds from its sending on. Ends with its input. A stream that
 * misses an event, gets one twice or ends is an error.
 *
 * usage: streams PORT TOKEN_FILE STAFF_TOKEN_FILE LOCATION BODIES COUNT */
#include "bench.h"
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_BYTES 24        /* of each line only its beginning matters */
#define READ_BYTES 65536
#define OPENING_MAX 64       /* streams that are being opened at a time */
#define PATIENCE_MS 30000
#define BODIES_MAX 100000
#define EVENTS_A_ROUND 256

/* What one stream has been told. A line may come in pieces. */
struct stream {
    struct client client;
    char line[LINE_BYTES + 1];
    size_t line_len;
    bool is_open, has_beaten;
    int64_t last_id; /* 0: no event yet */
    long events;
};

struct crowd {
    int port, epoll_fd;
    char token[4096], staff_token[4096];
    const char *location;
    char *bodies[BODIES_MAX];
    size_t body_count;
    struct stream *streams;
    size_t count, started, open, beaten;
    long round;               /* events that each stream must have had */
    size_t served;            /* that have had them */
    int64_t first_us, last_us;/* the first and the last of them */
    struct client placer;
};

/* ---- one stream ---- */

static void start(struct crowd *crowd, struct stream *stream)
{
    struct client *client = &stream->client;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = stream };
    int len = snprintf(client->out, CLIENT_OUT_MAX,
                       "GET /locations/%s/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
                       crowd->location, crowd->staff_token);
    client->out_len = (size_t)len;
    if (!client_connect(client, crowd->port) || !client_send(client) ||
        epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        bench_die("cannot open a stream");
    }
    crowd->started++;
}

static void take_event(struct crowd *crowd, struct stream *stream, int64_t id)
{
    if (stream->last_id != 0 && id != stream->last_id + 1) {
        bench_die("a stream missed an event, or got one twice");
    }
    stream->last_id = id;
    if (++stream->events == crowd->round) {
        crowd->last_us = bench_now_us();
        crowd->first_us = crowd->served++ == 0 ? crowd->last_us : crowd->first_us;
    }
}

static void take_line(struct crowd *crowd, struct stream *stream)
{
    stream->line[stream->line_len] = '\0';
    stream->line_len = 0;
    if (strncmp(stream->line, "id: ", 4) == 0) {
        take_event(crowd, stream, strtoll(stream->line + 4, NULL, 10));
    } else if (!stream->has_beaten && strncmp(stream->line, "event: heartbeat", 16) == 0) {
        stream->has_beaten = true;
        crowd->beaten++;
    } else if (!stream->is_open && strncmp(stream->line, "HTTP/1.1 ", 9) == 0) {
        if (strncmp(stream->line + 9, "200", 3) != 0) {
            fprintf(stderr, "streams: %s\n", stream->line);
            exit(1);
        }
        stream->is_open = true;
        crowd->open++;
    }
}

static void take_bytes(struct crowd *crowd, struct stream *stream, const char *bytes, size_t len)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end == NULL ? len : (size_t)(end - bytes);
        size_t room = LINE_BYTES - stream->line_len, kept = part < room ? part : room;
        memcpy(stream->line + stream->line_len, bytes, kept);
        stream->line_len += kept;
        if (end == NULL) {
            return;
        }
        take_line(crowd, stream);
        bytes += part + 1;
        len -= part + 1;
    }
}

static void read_stream(struct crowd *crowd, struct stream *stream)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(stream->client.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0) {
        take_bytes(crowd, stream, bytes, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        bench_die("a stream ended");
    }
}

/* ---- all of them ---- */

/* Reads what has come; false when nothing came for PATIENCE_MS. */
static bool turn(struct crowd *crowd)
{
    struct epoll_event events[EVENTS_A_ROUND];
    int count = epoll_wait(crowd->epoll_fd, events, EVENTS_A_ROUND, PATIENCE_MS);
    for (int i = 0; i < count; i++) {
        read_stream(crowd, events[i].data.ptr);
    }
    return count != 0;
}

static void open_all(struct crowd *crowd)
{
    while (crowd->beaten < crowd->count) {
        while (crowd->started < crowd->count && crowd->started - crowd->open < OPENING_MAX) {
            start(crowd, &crowd->streams[crowd->started]);
        }
        if (!turn(crowd)) {
            bench_die("the streams did not all open, or have no heartbeat");
        }
    }
}

static void send_order(struct crowd *crowd)
{
    struct client *client = &crowd->placer;
    const char *body = crowd->bodies[(size_t)crowd->round % crowd->body_count];
    int len = snprintf(client->out, CLIENT_OUT_MAX,
                       "POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
                       "Content-Type: application/json\r\nIdempotency-Key: s-%d-%lld\r\nContent-Length: %zu\r\n\r\n%s",
                       crowd->token, (int)getpid(), (long long)bench_now_us(), strlen(body), body);
    client->out_len = (size_t)len;
    if (len >= CLIENT_OUT_MAX || !client_connect(client, crowd->port) || !client_send(client)) {
        bench_die("cannot place an order");
    }
}

/* The answer of the order: the streams wait meanwhile, in the kernel. */
static int read_answer(struct client *client)
{
    struct answer answer;
    struct pollfd ready = { .fd = client->fd, .events = POLLIN };
    int state = 0;
    while (state == 0 && poll(&ready, 1, PATIENCE_MS) > 0) {
        state = client_read(client, &answer);
    }
    client_close(client);
    return state > 0 ? answer.status : 0;
}

static void place_one(struct crowd *crowd)
{
    crowd->served = 0;
    crowd->round++;
    int64_t sent_us = bench_now_us();
    send_order(crowd);
    int status = read_answer(&crowd->placer);
    int64_t answered_us = bench_now_us();
    if (status != 202) {
        bench_die("an order was not accepted");
    }
    while (crowd->served < crowd->count) {
        if (!turn(crowd)) {
            bench_die("not every stream was served");
        }
    }
    printf("{\"answered_us\":%lld,\"first_us\":%lld,\"last_us\":%lld}\n", (long long)(answered_us - sent_us),
           (long long)(crowd->first_us - sent_us), (long long)(crowd->last_us - sent_us));
    fflush(stdout);
}

/* Until there is a line, the streams are read: heartbeats come. */
static bool wait_for_word(struct crowd *crowd)
{
    char line[64];
    struct pollfd ready[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = crowd->epoll_fd, .events = POLLIN } };
    while (poll(ready, 2, -1) >= 0 || errno == EINTR) {
        if (ready[0].revents != 0) {
            return fgets(line, sizeof(line), stdin) != NULL;
        }
        (void)turn(crowd);
    }
    return false;
}

static void allow_descriptors(size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        bench_die("descriptors");
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < count + 64) {
        fprintf(stderr, "streams: only %llu descriptors are allowed (ulimit -Hn)\n",
                (unsigned long long)limit.rlim_cur);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct crowd crowd;
    if (argc != 7) {
        fprintf(stderr, "usage: streams PORT TOKEN_FILE STAFF_TOKEN_FILE LOCATION BODIES COUNT\n");
        return 2;
    }
    crowd.port = (int)strtol(argv[1], NULL, 10);
    bench_read_line(argv[2], crowd.token, sizeof(crowd.token));
    bench_read_line(argv[3], crowd.staff_token, sizeof(crowd.staff_token));
    crowd.location = argv[4];
    crowd.body_count = bench_read_lines(argv[5], crowd.bodies, BODIES_MAX);
    crowd.count = strtoul(argv[6], NULL, 10);
    crowd.streams = calloc(crowd.count, sizeof(*crowd.streams));
    crowd.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (crowd.streams == NULL || crowd.body_count == 0 || crowd.epoll_fd < 0) {
        bench_die("cannot begin");
    }
    allow_descriptors(crowd.count);
    open_all(&crowd);
    printf("{\"open\":%zu}\n", crowd.open);
    fflush(stdout);
    while (wait_for_word(&crowd)) {
        place_one(&crowd);
    }
    return 0;
}
