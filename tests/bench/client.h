/* One HTTP/1.1 keep-alive connection of the load generator: one request at a time, answers parsed just enough. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define CLIENT_OUT_MAX 8192
#define CLIENT_IN_MAX (512 * 1024)

struct client {
    int fd;
    char out[CLIENT_OUT_MAX];
    size_t out_len, out_sent;
    char *in;
    size_t in_len;
    int64_t since_us;  /* when the request was due */
    bool is_wait;      /* a GET that waits for the outcome */
    int step;          /* 0: a placement, -1: it once more, else the n-th step of `order` */
    char order[37];
    bool is_busy;      /* an answer is awaited */
    bool is_fresh;     /* nothing has been answered on this connection yet */
    struct client *next_free;
};

struct answer { int status; const char *body; size_t body_len; };

/* Connects to 127.0.0.1:port; false with errno set. */
bool client_connect(struct client *client, int port);
/* Starts a request whose bytes are in client->out (out_len set). False: the connection failed. */
bool client_send(struct client *client);
/* Reads what is there. 1: *ret_answer is complete (borrowed until the next send); 0: not yet; -1: the connection
 * failed. */
int client_read(struct client *client, struct answer *ret_answer);
void client_close(struct client *client);

#endif
