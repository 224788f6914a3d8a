/* migrate: owns the schema's history: which migrations a database has, and applying the rest.
 *
 * Called by `zapora migrate`. Invariants: one at a time, under an advisory lock; a migration and the row that says
 * so are one transaction; what was applied once is never changed. Blocks, and takes as long as it takes: no role but
 * the command itself may call it. */
#include "migrations.h"
#include "plain.h"
#include "sqlstate.h"
#include "trip.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ADVISORY_LOCK "7089054236541187650" /* any number that is ours alone */
#define ARENA_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct migrate {
    struct store *store;
    struct arena arena;
    struct migrations files;
    int64_t applied; /* the newest in the database */
    bool dry;
    FILE *words; /* NULL: nobody reads them */
};

static void say(const struct migrate *m, const char *fmt, ...) ZP_PRINTF(2, 3);
static void say(const struct migrate *m, const char *fmt, ...)
{
    va_list args;
    if (m->words == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vfprintf(m->words, fmt, args);
    va_end(args);
}

static enum zp_err lock(struct migrate *m)
{
    enum zp_err err = plain_run(m->store, "SELECT pg_advisory_lock(" ADVISORY_LOCK ")", 0, NULL, NULL);
    if (err != ZP_OK && strcmp(m->store->trouble.sqlstate, SQLSTATE_LOCK_TIMEOUT) == 0) {
        (void)snprintf(m->store->trouble.why, sizeof(m->store->trouble.why),
                       "another migration is running on this database");
    }
    return err;
}

static enum zp_err read_history(struct migrate *m, PGresult **ret_history)
{
    plain_result *there = NULL;
    enum zp_err err = plain_run(m->store, "SELECT to_regclass('schema_migrations') IS NOT NULL", 0, NULL, &there);
    if (err != ZP_OK) {
        return err;
    }
    bool exists = PQgetvalue(there, 0, 0)[0] == 't';
    return plain_run(m->store,
                     exists ? "SELECT version, name, encode(sha256, 'hex') FROM schema_migrations ORDER BY version"
                            : "SELECT 0, '', '' WHERE false", 0, NULL, ret_history);
}

/* One row of the history against the file of that number. */
static enum zp_err check_row(struct migrate *m, const PGresult *history, int row)
{
    int64_t version = strtoll(PQgetvalue(history, row, 0), NULL, 10);
    const char *name = PQgetvalue(history, row, 1);
    if (version < 1 || (size_t)version > m->files.count) {
        return connection_trouble(m->store, ZP_CONFLICT,
                                  "the database has %s, which this folder has not: it is newer, or "
                                  "a file vanished",
                                  name);
    }
    const struct migration *file = &m->files.items[version - 1];
    char hex[2 * sizeof(file->sha256) + 1];
    if (strcmp(name, file->name) != 0) {
        return connection_trouble(m->store, ZP_CONFLICT, "number %lld was applied as %s, the folder has %s",
                                  (long long)version, name, file->name);
    }
    if (strcmp(PQgetvalue(history, row, 2), crypto_hex(file->sha256, sizeof(file->sha256), hex)) != 0) {
        return connection_trouble(m->store, ZP_CONFLICT, "%s was changed after it was applied", name);
    }
    if (version != m->applied + 1) {
        return connection_trouble(m->store, ZP_CONFLICT, "the database lacks number %lld", (long long)m->applied + 1);
    }
    m->applied = version;
    return ZP_OK;
}

static enum zp_err check_history(struct migrate *m)
{
    plain_result *history = NULL;
    enum zp_err err = read_history(m, &history);
    for (int row = 0; err == ZP_OK && row < PQntuples(history); row++) {
        err = check_row(m, history, row);
    }
    return err;
}

static enum zp_err record(struct migrate *m, const struct migration *file)
{
    char version[24], hex[2 * sizeof(file->sha256) + 1];
    (void)snprintf(version, sizeof(version), "%lld", (long long)file->version);
    const char *const params[] = { version, file->name, crypto_hex(file->sha256, sizeof(file->sha256), hex) };
    return plain_run(m->store,
                     "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, decode($3, 'hex'))", 3,
                     params, NULL);
}

static enum zp_err apply(struct migrate *m, const struct migration *file)
{
    struct store *store = m->store;
    enum zp_err err = plain_run(store, "BEGIN", 0, NULL, NULL);
    if (err == ZP_OK) {
        err = plain_run(store, file->sql, 0, NULL, NULL);
    }
    if (err == ZP_OK && PQtransactionStatus(store->conn) != PQTRANS_INTRANS) {
        return connection_trouble(store, ZP_INVALID, "%s ends its own transaction", file->name);
    }
    if (err == ZP_OK) {
        err = record(m, file);
    }
    return err != ZP_OK ? err : plain_run(store, "COMMIT", 0, NULL, NULL);
}

static enum zp_err apply_missing(struct migrate *m)
{
    enum zp_err err = ZP_OK;
    if (!m->dry) {
        err = plain_run(m->store,
                        "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, name text NOT NULL, "
                        "sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
                        0, NULL, NULL);
    }
    for (size_t i = 0; err == ZP_OK && i < m->files.count; i++) {
        const struct migration *file = &m->files.items[i];
        int64_t began_us = clock_mono_us();
        if (file->version <= m->applied) {
            say(m, "%s: applied before\n", file->name);
        } else if (m->dry) {
            say(m, "%s: would be applied\n", file->name);
        } else if ((err = apply(m, file)) == ZP_OK) {
            say(m, "%s: applied in %lld ms\n", file->name, (long long)(clock_mono_us() - began_us) / 1000);
        } else {
            say(m, "%s: failed, nothing of it was kept\n", file->name);
        }
    }
    return err;
}

static enum zp_err migrate(struct migrate *m, const char *dir)
{
    char why[STORE_WHY_SIZE] = "";
    enum zp_err err = migrations_read(dir, &m->arena, &m->files, why, sizeof(why));
    if (err != ZP_OK) {
        return connection_trouble(m->store, err, "%s", why[0] != '\0' ? why : zp_err_title(err));
    }
    err = plain_begin(m->store);
    if (err == ZP_OK) {
        err = lock(m);
    }
    if (err == ZP_OK) {
        err = check_history(m);
    }
    return err == ZP_OK ? apply_missing(m) : err;
}

enum zp_err store_migrate(struct store *store, const char *dir, bool dry, FILE *words)
{
    struct migrate m = { .store = store, .dry = dry, .words = words };
    arena_init(&m.arena, ARENA_BYTES_MAX);
    enum zp_err err = migrate(&m, dir);
    if (err != ZP_OK) {
        say(&m, "%s%s%s\n", store->trouble.why, store->trouble.sqlstate[0] != '\0' ? ", SQLSTATE " : "",
            store->trouble.sqlstate);
    }
    arena_finish(&m.arena);
    store_disconnect(store); /* gives back the lock, and the session's settings */
    return err;
}

enum zp_err store_schema_version(struct store *store, int64_t *ret_version)
{
    enum zp_err err = store_connect(store);
    if (err != ZP_OK) {
        return err;
    }
    trip_scope trip;
    trip_start(&trip, store);
    trip_add(&trip, STATEMENT_SCHEMA_VERSION, NULL);
    err = trip_run(&trip);
    if (err != ZP_OK && strcmp(store->trouble.sqlstate, "42P01") == 0) { /* no such table: nothing was ever applied */
        *ret_version = 0;
        return ZP_OK;
    }
    int64_t version;
    if (err == ZP_OK && !wire_get_int(trip_field(trip_result(&trip, 0), 0, 0), &version)) {
        err = connection_trouble(store, ZP_INTERNAL, "schema_migrations cannot be read");
    }
    if (err == ZP_OK) {
        *ret_version = version;
    }
    return err;
}
