/* draft.c: owns the first error of a piece of writing into an arena.
 *
 * Called by copies, checks and pricing. Invariant: after an error nothing is allocated any more, and whoever sees the
 * error throws away what was written so far as a whole. */
#include "draft.h"

static void *keep(struct draft *draft, void *memory)
{
    if (memory == NULL) {
        draft->err = ZP_NO_MEMORY;
    }
    return memory;
}

char *draft_text(struct draft *draft, const char *text)
{
    if (draft->err != ZP_OK || text == NULL) {
        return NULL;
    }
    return keep(draft, arena_strdup(draft->arena, text));
}

void *draft_array(struct draft *draft, size_t count, size_t size)
{
    if (draft->err != ZP_OK) {
        return NULL;
    }
    return keep(draft, arena_array(draft->arena, count, size));
}
