/* support: examples of everything in the log, and what the tests of this room share. */
#ifndef TEST_MESSAGE_SUPPORT_H
#define TEST_MESSAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fields.h"

#define ARENA_BYTES ((size_t)8 * 1024 * 1024)
#define SAMPLE_AT INT64_C(1767366245678000) /* 2026-01-02T15:04:05.678Z */

/* Full examples, every field given; they live for ever and must not be changed. */
const struct command *sample_command(enum command_type type);
const struct command *sample_redrive(void);
const struct event *sample_event(enum event_type type);
const struct event_meta *sample_meta(void);

/* The value of sample_event, in a buffer that the caller finishes. */
void sample_event_bytes(enum event_type type, struct buffer *out);

/* True when two structs hold the same in every row that the variant has. On false says which row, with a pointer. */
bool thing_same(const struct thing *thing, uint32_t variant, const void *a, const void *b);

/* ---- arenas of a test ---------------------------------------------------------------------------------- */

extern struct arena arena; /* made anew for each test by these */
int arena_setup(void **state);
int arena_teardown(void **state);
#define test(f) cmocka_unit_test_setup_teardown(f, arena_setup, arena_teardown)

/* ---- edits: the value of a record as JSON, changed in one place, and back --------------------------------- */

/* The value with the thing at the JSON pointer replaced by this JSON, added, or taken away (NULL). Bytes are written as
 * {"$bin":"hex"}, an integer of 64 bits without sign as {"$uint":"decimal"}. Lies in the test's arena. */
const void *value_edit(const void *value, size_t len, const char *pointer, const char *json, size_t *ret_len);

/* A record with another value. */
struct record record_with(const struct record *record, const void *value, size_t len);
/* A record with one header replaced in its place, added at the end, or taken away (NULL). */
struct record record_with_header(const struct record *record, const char *name, const char *text);

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* A whole file below the tests' folder of this room, in the test's arena; fails the test when it is not there. */
const char *repo_file_read(const char *folder, const char *name, size_t *ret_len);

/* Fails unless the buffer holds exactly this text. */
void expect_text(const struct buffer *buf, const char *want);
/* Fails unless these faults, in this order, were found; "code pointer" each, NULL ends. */
void expect_faults(const char *name, const struct reason_list *faults, const char *const *want);

#endif
