/* fake_cluster: three made-up Redis servers that say who has which slots, for tests of the router. They are served by
 * the test's own thread, turn by turn. */
#ifndef ZAPORA_TEST_LIVE_FAKE_CLUSTER_H
#define ZAPORA_TEST_LIVE_FAKE_CLUSTER_H

#include "support.h"

#include "router.h"

#define SERVERS     3
#define CLIENTS_MAX 8

/* Each serves a third of the slots, unless the map says otherwise. */
struct server {
    int listener, port;
    int accepted; /* connections, from the beginning */
    int clients[CLIENTS_MAX];
    redisReader *readers[CLIENTS_MAX];
    char heard[4096]; /* "GET {a}:x;…" but for greetings and questions for the map */
};

struct world {
    struct server servers[SERVERS];
    int owner[SERVERS]; /* of each third, as CLUSTER SLOTS tells it */
    const char *(*answer)(int server, const char *command); /* NULL, or gives NULL: the usual */
    int maps_told;
    struct reactor reactor;
    struct live_reactor lent;
    struct live_uri uri; /* names the first two; the third is only in the map */
};

extern struct world world;

void world_begin(void);
void world_end(void);
/* A server dies; what it was asked and has not answered is lost. */
void world_kill(int server);
/* Lets every server hear and answer. */
void world_turn(void);

#endif
