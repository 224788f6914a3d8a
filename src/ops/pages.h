/* pages.h: what the operations listener says, apart from how it is sent. */
#ifndef ZAPORA_OPS_PAGES_H
#define ZAPORA_OPS_PAGES_H

#include "zapora/ops.h"

#define PAGE_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of /metrics */

struct page {
    int status;
    const char *type;   /* content type */
    struct buffer body; /* owned: buffer_finish */
};

/* Runs the checks and tells how they went: one line when all is well and nobody asked for more. */
void page_checks(struct page *page, const char *name, const struct ops_check *checks, size_t count, bool draining,
                 bool verbose);
void page_metrics(struct page *page);
/* A page of one line. */
void page_line(struct page *page, int status, const char *line);

#endif
