/* check: walking through something that was sent in, with a path that says where we are. */
#ifndef ORDER_CHECK_H
#define ORDER_CHECK_H

#include "draft.h"

#define CHECK_PATH_SIZE 256
#define CHECK_DETAIL_SIZE 256

/* `field` below is the last part of the pointer with its slash ("/price"), or "" for the thing itself. */
struct check {
    struct draft draft;
    struct reason_list *faults; /* borrowed */
    char path[CHECK_PATH_SIZE]; /* JSON pointer of the thing being looked at */
};

void check_init(struct check *check, const char *pointer, struct arena *arena, struct reason_list *faults);
/* Goes one step deeper, to /name/index; gives what check_leave needs to come back. */
size_t check_enter(struct check *check, const char *name, size_t index);
void check_leave(struct check *check, size_t mark);

void check_fault(struct check *check, const char *field, const char *code, const char *detail_fmt, ...) ZP_PRINTF(4, 5);
/* A text of 1 to chars_max characters; chars_max counts code points. */
void check_text(struct check *check, const char *field, const char *text, size_t chars_max);
/* The same, but NULL and "" are fine. */
void check_text_optional(struct check *check, const char *field, const char *text, size_t chars_max);
/* 1 to SLUG_CHARS_MAX of a–z, 0–9, '-' and '_'. */
void check_slug(struct check *check, const char *field, const char *text);
/* False, with a fault, outside of min … max. */
bool check_range(struct check *check, const char *field, int64_t value, int64_t min, int64_t max);
/* False, with a fault, when there are too many to look into. */
bool check_count(struct check *check, const char *field, size_t count, size_t max);

#endif
