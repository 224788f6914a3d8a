/* mapping: reads a file of nested mappings by a table of what may stand in it. For topics_read. */
#ifndef ZAPORA_BUS_MAPPING_H
#define ZAPORA_BUS_MAPPING_H

#include "zapora/bus.h"

struct bus_mapping;

/* One row per key of a mapping; a table ends with a row without a key. At most 32 rows. */
struct bus_mapping_field {
    const char *key;                    /* "*": any */
    bool required;
    const struct bus_mapping_field *inner; /* the value is a mapping with these rows; else it is text, for: */
    enum zp_err (*read)(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key,
                        const char *value);
    const char *exactly;                /* of the row's own use */
    size_t offset;
    int64_t max;
};

/* Reads one document into `into` through the rows. ZP_INVALID with file, line and reason in why. */
enum zp_err bus_mapping_read(FILE *in, const char *file, const struct bus_mapping_field *fields, void *into,
                          char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* What a row's read function needs: where to, from which file, and how to refuse (always ZP_INVALID). */
void *bus_mapping_into(struct bus_mapping *from);
const char *bus_mapping_file(const struct bus_mapping *from);
enum zp_err bus_mapping_refuse(struct bus_mapping *from, const char *fmt, ...) ZP_PRINTF(2, 3);

#endif
