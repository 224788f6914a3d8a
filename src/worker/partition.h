/* Partitions as the worker holds them: which list each is on, where its mailbox stands, and what other threads may
 * read. */
#ifndef ZAPORA_WORKER_PARTITION_H
#define ZAPORA_WORKER_PARTITION_H

#include "zapora/bus.h"

enum partition_state {
    PARTITION_AWAY,    /* somebody else's */
    PARTITION_TAKING,  /* assigned to us, paused; a takeover is due at retry_at_us */
    PARTITION_OWNED,   /* its commands are applied here */
    PARTITION_STOPPED, /* not the log we knew: stopped loudly until it is assigned anew */
};

/* The main thread's view. */
struct partition {
    enum partition_state state;
    struct zp_id owner;           /* what the fence compares */
    int64_t next_offset;          /* first command not committed */
    int64_t gathered_offset;      /* first command not in the current turn: next_offset between turns */
    struct zp_id last_command_id; /* of the record before next_offset */
    int64_t applied_at;           /* log time of the last record committed since it was assigned; 0: none yet */
    int64_t retry_at_us;          /* monotonic: when a TAKING partition may be tried */
    int64_t backoff_ms;
    int64_t refused_since_us;     /* monotonic: since when the consumer does not go to next_offset; 0: it does */
    int64_t short_since_us;       /* monotonic: since when the log seems to end before what was applied; 0 */
    bool solo;                    /* three takeovers without a commit: one record at a time, named first */
    size_t doubt;                 /* a turn with its records failed by an error of their own: it goes apart, at most so
                                     many records at a time; 0 none */
    bool survived;                /* fenced off while a record was named: it killed nobody */
    int gaps;                     /* records missing in a row: once seeks back, twice stops */
    int64_t failing_offset;       /* a record that failed alone by its own error, -1 none */
    int64_t failing_since;        /* when it did so first, of the wall clock */
    int64_t failing_count;        /* how often it did */
    char failing_sqlstate[6];     /* the last error's */
    int64_t park_offset;          /* a record that will be parked when it comes, -1 none */
    int64_t deaths;               /* over the record at park_offset; 0: it will be parked for its own errors */
};

/* What the main thread, the announcer and the ticker tell each other. Written by: see each. */
struct marks {
    _Atomic bool owned;               /* main: commands are applied here */
    _Atomic bool ticking;             /* main: ours since a takeover began, applied or retrying */
    _Atomic int64_t next_offset;      /* main: committed below */
    _Atomic int64_t published_offset; /* announcer: outcomes below are acknowledged; main at a takeover */
    _Atomic int64_t events_offset;    /* announcer: end of ours in the events topic; main at a takeover */
    _Atomic int64_t announcing;       /* outcomes handed to the announcer and not yet acknowledged */
    _Atomic int64_t end_offset;       /* ticker: of the mailbox, as its leader said */
    _Atomic int64_t end_asked_us;     /* ticker, after end_offset: when it was asked, monotonic */
};

#endif
