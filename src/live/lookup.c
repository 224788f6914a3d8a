/* lookup: a host's addresses.
 *
 * Called by connections each time they connect, since a name may have moved to another server. The system's resolver
 * can take seconds when its servers are down, and an event loop may not wait for it, so it is asked on a thread of
 * its own.
 * Invariant: the lookup belongs to two, who asked and that thread; the last one to leave frees it. */
#include "lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct lookup {
    _Atomic int holders;
    _Atomic enum lookup_state state; /* written last, with release: the fields below are settled then */
    struct addrinfo *addresses;
    const char *why;
    char port[8];
    char host[];
};

static void release(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->holders, 1) > 1) {
        return;
    }
    if (lookup->addresses != NULL) {
        freeaddrinfo(lookup->addresses);
    }
    free(lookup);
}

static void ask(struct lookup *lookup, int flags)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICSERV | flags, .ai_socktype = SOCK_STREAM };
    int code = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->addresses);
    if (code != 0) {
        lookup->addresses = NULL;
        lookup->why = gai_strerror(code);
    }
    atomic_store(&lookup->state, code == 0 ? LOOKUP_DONE : LOOKUP_FAILED);
}

static void *run(void *arg)
{
    ask(arg, 0);
    release(arg);
    return NULL;
}

/* A detached thread that takes no signals: those are for the threads that wait for them. */
static bool start_thread(struct lookup *lookup)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    sigfillset(&all);
    bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    if (started) {
        started = pthread_create(&thread, &attributes, run, lookup) == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    return started;
}

struct lookup *live_lookup_start(const char *host, const char *port)
{
    size_t size = strlen(host) + 1;
    struct lookup *lookup = calloc(1, sizeof(*lookup) + size);
    if (lookup == NULL) {
        return NULL;
    }
    memcpy(lookup->host, host, size);
    (void)snprintf(lookup->port, sizeof(lookup->port), "%s", port);
    atomic_store(&lookup->holders, 1);
    ask(lookup, AI_NUMERICHOST);
    if (atomic_load(&lookup->state) == LOOKUP_DONE) {
        return lookup;
    }
    atomic_store(&lookup->state, LOOKUP_WAITING);
    atomic_store(&lookup->holders, 2);
    if (!start_thread(lookup)) {
        free(lookup);
        return NULL;
    }
    return lookup;
}

enum lookup_state live_lookup_poll(struct lookup *lookup, const struct addrinfo **ret_addresses, const char **ret_why)
{
    enum lookup_state state = atomic_load(&lookup->state);
    if (state == LOOKUP_DONE) {
        *ret_addresses = lookup->addresses;
    } else if (state == LOOKUP_FAILED) {
        *ret_why = lookup->why;
    }
    return state;
}

void live_lookup_drop(struct lookup *lookup)
{
    if (lookup != NULL) {
        release(lookup);
    }
}
