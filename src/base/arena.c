/* arena: the memory of one request or one batch, handed out by moving a pointer and given back all at once.
 *
 * Called by every room. Invariants: used_bytes never passes max_bytes (rounded up to the alignment), and every byte
 * that is not handed out is zero, which is why a fresh block comes from calloc and a reset wipes what was used.
 *
 * Under the address sanitizer everything not handed out is poisoned, so a use after a reset is reported. */
#include "zapora/base.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

#define BLOCK_BYTES_FIRST ((size_t)4 * 1024)
#define BLOCK_BYTES_MAX ((size_t)64 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *next; /* owned, older */
    size_t size;              /* bytes in data */
    size_t used;              /* bytes of data handed out */
    alignas(max_align_t) unsigned char data[];
};

/* Up to the next multiple of the alignment; saturates instead of wrapping. */
static size_t round_up(size_t bytes)
{
    return bytes > SIZE_MAX - (ALIGNMENT - 1) ? SIZE_MAX - (ALIGNMENT - 1) : (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static struct arena_block *block_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block)) {
        return NULL;
    }
    struct arena_block *block = calloc(1, sizeof(*block) + size);
    if (block != NULL) {
        block->size = size;
        ASAN_POISON_MEMORY_REGION(block->data, size);
    }
    return block;
}

static void *block_take(struct arena_block *block, size_t bytes)
{
    void *memory = block->data + block->used;
    block->used += bytes;
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
    return memory;
}

static void block_wipe(struct arena_block *block)
{
    memset(block->data, 0, block->used);
    ASAN_POISON_MEMORY_REGION(block->data, block->size);
    block->used = 0;
}

static void blocks_destroy(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *older = block->next;
        free(block);
        block = older;
    }
}

/* A block that has room: the newest, or a new one twice its size. A request too big for any common block gets one of
 * its own behind the newest, whose remaining room stays in use. */
static struct arena_block *block_with_room(struct arena *arena, size_t bytes)
{
    struct arena_block *newest = arena->blocks;
    if (newest != NULL && bytes <= newest->size - newest->used) {
        return newest;
    }
    size_t common = newest == NULL ? BLOCK_BYTES_FIRST : newest->size * 2;
    if (common > BLOCK_BYTES_MAX) {
        common = BLOCK_BYTES_MAX;
    }
    struct arena_block *block = block_create(bytes > common ? bytes : common);
    if (block == NULL) {
        return NULL;
    }
    if (newest != NULL && bytes > common) {
        block->next = newest->next;
        newest->next = block;
    } else {
        block->next = newest;
        arena->blocks = block;
    }
    return block;
}

void arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){ .max_bytes = max_bytes };
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t rounded = round_up(bytes == 0 ? 1 : bytes);
    if (rounded < bytes || rounded > round_up(arena->max_bytes) - arena->used_bytes) {
        arena->is_over = true;
        return NULL;
    }
    struct arena_block *block = block_with_room(arena, rounded);
    if (block == NULL) {
        return NULL;
    }
    arena->used_bytes += rounded;
    return block_take(block, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : arena_alloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *copy = len == SIZE_MAX ? NULL : arena_alloc(arena, len + 1);
    if (copy != NULL && len > 0) {
        memcpy(copy, text, len);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(text, (size_t)len + 1, fmt, args);
        va_end(args);
    }
    return text;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    arena->used_bytes = 0;
    arena->is_over = false;
    if (kept != NULL && kept->size > BLOCK_BYTES_MAX) { /* One huge request should not be kept for ever. */
        arena_finish(arena);
    } else if (kept != NULL) {
        blocks_destroy(kept->next);
        kept->next = NULL;
        block_wipe(kept);
    }
}

void arena_finish(struct arena *arena)
{
    blocks_destroy(arena->blocks);
    arena->blocks = NULL;
    arena->used_bytes = 0;
}
