/* migrations: owns what a folder of migrations must look like.
 *
 * Called by migrate. Invariant: versions are 1, 2, 3 … without a gap, so a file that vanished can't go unnoticed. */
#include "migrations.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 4
#define SUFFIX ".sql"

static bool ends_in_sql(const char *name)
{
    size_t len = strlen(name), suffix = strlen(SUFFIX);
    return name[0] != '.' && len >= suffix && strcmp(name + len - suffix, SUFFIX) == 0;
}

int64_t migration_version(const char *name)
{
    if (!ends_in_sql(name) || strspn(name, "0123456789") != DIGITS || name[DIGITS] != '_') {
        return 0;
    }
    const char *words = name + DIGITS + 1;
    size_t len = strspn(words, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && strcmp(words + len, SUFFIX) == 0 ? strtol(name, NULL, 10) : 0;
}

static int is_migration(const struct dirent *entry)
{
    return ends_in_sql(entry->d_name);
}

/* The whole file, NUL-terminated, in the arena. */
static enum zp_err read_file(const char *path, struct arena *arena, const char **ret_text, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return ZP_INVALID;
    }
    struct buffer text;
    buffer_init(&text, MIGRATION_BYTES_MAX);
    char some[16 * 1024];
    for (size_t n; (n = fread(some, 1, sizeof(some), file)) > 0;) {
        buffer_append(&text, some, n);
    }
    bool readable = ferror(file) == 0 && text.err == ZP_OK && (text.len == 0 || strlen(text.data) == text.len);
    (void)fclose(file);
    char *copy = arena_strndup(arena, text.len > 0 ? text.data : "", text.len);
    *ret_len = text.len;
    buffer_finish(&text);
    *ret_text = copy;
    return !readable ? ZP_INVALID : copy == NULL ? ZP_NO_MEMORY : ZP_OK;
}

static enum zp_err add(const char *dir, const char *name, struct arena *arena, struct migrations *migrations, char *why,
                       size_t why_size)
{
    int64_t version = migration_version(name), expected = (int64_t)migrations->count + 1;
    if (version == 0) {
        (void)snprintf(why, why_size, "%s: the name is not of the form NNNN_words.sql", name);
        return ZP_INVALID;
    }
    if (version != expected) {
        (void)snprintf(why, why_size, "%s: number %04lld %s", name,
                       (long long)(version < expected ? version : expected),
                       version < expected ? "is there twice" : "is missing before it");
        return ZP_INVALID;
    }
    struct migration *migration = &migrations->items[migrations->count];
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    size_t len = 0;
    enum zp_err err = path == NULL ? ZP_NO_MEMORY : read_file(path, arena, &migration->sql, &len);
    if (err != ZP_OK) {
        (void)snprintf(why, why_size, "%s: cannot be read, is larger than %zu bytes, or holds a NUL", name,
                       MIGRATION_BYTES_MAX);
        return err;
    }
    crypto_sha256(migration->sha256, migration->sql, len);
    migration->version = version;
    migration->name = arena_strdup(arena, name);
    migrations->count++;
    return migration->name == NULL ? ZP_NO_MEMORY : ZP_OK;
}

enum zp_err migrations_read(const char *dir, struct arena *arena, struct migrations *ret_migrations, char *why,
                            size_t why_size)
{
    struct dirent **entries = NULL;
    int found = scandir(dir, &entries, is_migration, alphasort);
    if (found <= 0 || found > MIGRATIONS_MAX) {
        (void)snprintf(why, why_size, "%s: %s", dir,
                       found < 0    ? strerror(errno)
                       : found == 0 ? "holds no migrations"
                                    : "holds too many migrations");
        for (int i = 0; i < found; i++) {
            free(entries[i]);
        }
        free(entries);
        return ZP_INVALID;
    }
    struct migrations migrations = { .items = arena_array(arena, (size_t)found, sizeof(struct migration)) };
    enum zp_err err = migrations.items == NULL ? ZP_NO_MEMORY : ZP_OK;
    for (int i = 0; i < found; i++) {
        if (err == ZP_OK) {
            err = add(dir, entries[i]->d_name, arena, &migrations, why, why_size);
        }
        free(entries[i]);
    }
    free(entries);
    if (err == ZP_OK) {
        *ret_migrations = migrations;
    }
    return err;
}
