/* Owns how a difference is told: a readable line or a JSON object, and at which place of two orders' JSON it lies.
 * Invariants: every difference is counted; at most shown_max are written, partition by partition, and none behind one
 * that was not kept. */
#include "verify.h"

#include <string.h>

#define LINE_BYTES_MAX ((size_t)16 << 20)
#define KEPT_BYTES_MAX ((size_t)16 << 20) /* of a partition */
#define POINTER_BYTES_MAX 512

void differences_init(struct differences *differences, FILE *out, bool is_json, int64_t shown_max)
{
    *differences = (struct differences){ .out = out, .is_json = is_json, .shown_max = shown_max };
    buffer_init(&differences->line, LINE_BYTES_MAX);
    for (size_t p = 0; p < ZP_COUNT(differences->kept); p++) {
        buffer_init(&differences->kept[p].lines, KEPT_BYTES_MAX);
    }
    pthread_mutex_init(&differences->lock, NULL);
}

void differences_finish(struct differences *differences)
{
    buffer_finish(&differences->line);
    for (size_t p = 0; p < ZP_COUNT(differences->kept); p++) {
        buffer_finish(&differences->kept[p].lines);
    }
    pthread_mutex_destroy(&differences->lock);
}

/* ---- one difference ------------------------------------------------------------------------------------------- */

static void put_json(const struct difference *difference, struct buffer *out)
{
    char text[ID_TEXT_SIZE];
    buffer_printf(out, "{\"partition\":%d,\"location_id\":", (int)difference->partition);
    json_put_string(out, difference->location_id == NULL ? NULL : id_format(difference->location_id, text));
    buffer_puts(out, ",\"order_id\":");
    json_put_string(out, difference->order_id == NULL ? NULL : id_format(difference->order_id, text));
    buffer_puts(out, ",\"command_id\":");
    json_put_string(out, difference->command_id == NULL ? NULL : id_format(difference->command_id, text));
    if (difference->seq > 0) {
        buffer_printf(out, ",\"seq\":%lld", (long long)difference->seq);
    } else {
        buffer_puts(out, ",\"seq\":null");
    }
    buffer_puts(out, ",\"field\":");
    json_put_string(out, difference->field);
    buffer_printf(out, ",\"%s\":", difference->left);
    json_put_string(out, difference->left_value);
    buffer_printf(out, ",\"%s\":", difference->right);
    json_put_string(out, difference->right_value);
    buffer_puts(out, "}\n");
}

static void put_words(const struct difference *difference, struct buffer *out)
{
    char text[ID_TEXT_SIZE];
    buffer_printf(out, "partition %d", (int)difference->partition);
    if (difference->location_id != NULL) {
        buffer_printf(out, " location %s", id_format(difference->location_id, text));
    }
    if (difference->order_id != NULL) {
        buffer_printf(out, " order %s", id_format(difference->order_id, text));
    }
    if (difference->command_id != NULL) {
        buffer_printf(out, " command %s", id_format(difference->command_id, text));
    }
    if (difference->seq > 0) {
        buffer_printf(out, " seq %lld", (long long)difference->seq);
    }
    buffer_printf(out, " %s: %s has %s, %s has %s\n", difference->field, difference->left,
                  difference->left_value == NULL ? "nothing" : difference->left_value, difference->right,
                  difference->right_value == NULL ? "nothing" : difference->right_value);
}

void difference_tell(struct differences *differences, const struct difference *difference)
{
    ZP_ASSERT(difference->partition >= 0 && difference->partition < BUS_PARTITIONS_MAX);
    struct kept *kept = &differences->kept[difference->partition];
    pthread_mutex_lock(&differences->lock);
    differences->count++;
    if (kept->count++ < differences->shown_max && kept->lines.err == ZP_OK) {
        struct buffer *line = &differences->line;
        buffer_reset(line);
        (differences->is_json ? put_json : put_words)(difference, line);
        kept->lines.err = line->err;
        buffer_append(&kept->lines, line->data, line->len);
    }
    pthread_mutex_unlock(&differences->lock);
}

void differences_print(struct differences *differences, int32_t partition)
{
    struct kept *kept = &differences->kept[partition];
    pthread_mutex_lock(&differences->lock);
    const struct buffer *lines = &kept->lines;
    for (size_t at = 0; at < lines->len && differences->shown < differences->shown_max; differences->shown++) {
        const char *end = memchr(lines->data + at, '\n', lines->len - at);
        size_t len = (size_t)(end + 1 - (lines->data + at));
        (void)fwrite(lines->data + at, 1, len, differences->out);
        at += len;
        kept->count--;
    }
    if (kept->count > 0) {
        differences->shown_max = differences->shown;
    }
    kept->count = 0;
    buffer_reset(&kept->lines);
    pthread_mutex_unlock(&differences->lock);
}

void difference_tell_int(struct differences *differences, const struct difference *about, const char *field,
                         int64_t left, int64_t right)
{
    char left_text[24], right_text[24];
    if (left == right) {
        return;
    }
    struct difference difference = *about;
    (void)snprintf(left_text, sizeof left_text, "%lld", (long long)left);
    (void)snprintf(right_text, sizeof right_text, "%lld", (long long)right);
    difference.field = field;
    difference.left_value = left_text;
    difference.right_value = right_text;
    difference_tell(differences, &difference);
}

void difference_tell_hash(struct differences *differences, const struct difference *about, const char *field,
                          const uint8_t left[HASH_SIZE], const uint8_t right[HASH_SIZE])
{
    char left_text[2 * HASH_SIZE + 1], right_text[2 * HASH_SIZE + 1];
    if (memcmp(left, right, HASH_SIZE) == 0) {
        return;
    }
    struct difference difference = *about;
    difference.field = field;
    difference.left_value = crypto_hex(left, HASH_SIZE, left_text);
    difference.right_value = crypto_hex(right, HASH_SIZE, right_text);
    difference_tell(differences, &difference);
}

/* ---- where two texts of JSON differ --------------------------------------------------------------------------- */

/* One value of a text, in the order in which they begin: a container stands before what it holds. */
struct member { const char *pointer; const char *text; size_t len; bool is_container; };

struct walk {
    struct arena *arena;
    struct member *members;
    size_t count, max;
    char pointer[POINTER_BYTES_MAX];
    const char *at, *end;
};

/* Our own renderer's words, so nothing is checked but the end. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\';
    }
    return at < end ? at + 1 : end;
}

static void walk_value(struct walk *walk, size_t pointer_len, int depth);

static void walk_members(struct walk *walk, size_t pointer_len, int depth)
{
    bool is_object = *walk->at == '{';
    size_t index = 0;
    walk->at++;
    while (walk->at < walk->end && *walk->at != '}' && *walk->at != ']') {
        if (*walk->at == ',') {
            walk->at++;
            continue;
        }
        int len;
        if (is_object) {
            const char *name = walk->at + 1;
            walk->at = skip_string(walk->at, walk->end);
            len = snprintf(walk->pointer + pointer_len, POINTER_BYTES_MAX - pointer_len, "/%.*s",
                           (int)(walk->at - name - 1), name);
            walk->at++; /* the colon */
        } else {
            len = snprintf(walk->pointer + pointer_len, POINTER_BYTES_MAX - pointer_len, "/%zu", index++);
        }
        size_t longer = pointer_len + (size_t)(len > 0 ? len : 0);
        walk_value(walk, longer < POINTER_BYTES_MAX ? longer : POINTER_BYTES_MAX - 1, depth + 1);
    }
    walk->at += walk->at < walk->end;
}

static void walk_value(struct walk *walk, size_t pointer_len, int depth)
{
    bool is_container = *walk->at == '{' || *walk->at == '[';
    if (walk->count == walk->max || depth > MESSAGE_DEPTH_MAX) {
        walk->at = walk->end;
        return;
    }
    struct member *member = &walk->members[walk->count++];
    const char *start = walk->at;
    *member = (struct member){ arena_strndup(walk->arena, walk->pointer, pointer_len), start, 0, is_container };
    if (is_container) {
        walk_members(walk, pointer_len, depth);
    } else if (*walk->at == '"') {
        walk->at = skip_string(walk->at, walk->end);
    } else {
        walk->at += strcspn(walk->at, ",]}");
    }
    member->len = (size_t)(walk->at - start);
}

static bool walk_text(struct walk *walk, const char *text, struct arena *arena)
{
    size_t len = strlen(text);
    *walk = (struct walk){ .arena = arena, .at = text, .end = text + len };
    for (const char *c = text; *c != '\0'; c++) { /* no more values than this */
        walk->max += *c == ',' || *c == '{' || *c == '[' || *c == ':';
    }
    walk->max++;
    walk->members = arena_array(arena, walk->max, sizeof *walk->members);
    if (walk->members == NULL || len == 0) {
        return false;
    }
    walk_value(walk, 0, 0);
    return true;
}

static const struct member *member_find(const struct walk *walk, const struct member *wanted, size_t guess)
{
    for (size_t n = 0; n < walk->count; n++) {
        const struct member *member = &walk->members[(guess + n) % walk->count];
        if (strcmp(member->pointer, wanted->pointer) == 0) {
            return member;
        }
    }
    return NULL;
}

static bool is_inside(const char *pointer, const char *container)
{
    size_t len = strlen(container);
    return strncmp(pointer, container, len) == 0 && pointer[len] == '/';
}

/* Tells of the members of `walk` that the other one has not (or, with `both`, has with another value). */
static size_t tell_members(struct differences *differences, const struct difference *about, const struct walk *walk,
                           const struct walk *other, bool is_left, struct arena *arena)
{
    const char *told = NULL; /* a container that is missing as a whole */
    size_t count = 0;
    for (size_t i = 0; i < walk->count; i++) {
        const struct member *mine = &walk->members[i];
        if (told != NULL && is_inside(mine->pointer, told)) {
            continue;
        }
        const struct member *theirs = member_find(other, mine, i);
        bool same = theirs != NULL && mine->len == theirs->len && memcmp(mine->text, theirs->text, mine->len) == 0;
        bool descends = theirs != NULL && mine->is_container && theirs->is_container;
        if (same || descends || (theirs != NULL && !is_left)) {
            continue;
        }
        told = mine->pointer;
        struct difference difference = *about;
        const char *mine_text = arena_strndup(arena, mine->text, mine->len);
        const char *their_text = theirs == NULL ? NULL : arena_strndup(arena, theirs->text, theirs->len);
        difference.field = mine->pointer;
        difference.left_value = is_left ? mine_text : their_text;
        difference.right_value = is_left ? their_text : mine_text;
        difference_tell(differences, &difference);
        count++;
    }
    return count;
}

size_t difference_tell_json(struct differences *differences, const struct difference *about, const char *left,
                            const char *right, struct arena *arena)
{
    struct walk left_walk, right_walk;
    if (!walk_text(&left_walk, left, arena) || !walk_text(&right_walk, right, arena)) {
        return 0;
    }
    size_t count = tell_members(differences, about, &left_walk, &right_walk, true, arena);
    return count + tell_members(differences, about, &right_walk, &left_walk, false, arena);
}
