/* migrations: the files of a folder of migrations, checked and read. Called by migrate. */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "zapora/base.h"

#define MIGRATIONS_MAX 9999
#define MIGRATION_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct migration {
    int64_t version;     /* the NNNN of its name, from 1 */
    const char *name;    /* "0001_orders.sql" */
    const char *sql;     /* NUL-terminated */
    uint8_t sha256[32];  /* of the file */
};

struct migrations { struct migration *items; size_t count; };

/* The version in a name of the form NNNN_words.sql (words of a–z, 0–9 and _), or 0. */
int64_t migration_version(const char *name);
/* Reads dir/NNNN_name.sql, in order, into the arena. Files that don't end in .sql are not looked at. ZP_NO_MEMORY; or
 * ZP_INVALID with a sentence in why: no such folder, none in it, a name of another form, a number missing or there
 * twice, a file that is too large or holds a NUL. */
enum zp_err migrations_read(const char *dir, struct arena *arena, struct migrations *ret_migrations, char *why,
                            size_t why_size) ZP_MUST_CHECK;

#endif
