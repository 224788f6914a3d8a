/* Journal rows of closed orders or of new locations, as workers would have written them: with their own ids, numbers
 * and times in the bytes, and each location's hash chain. Called by grown.py, which knows what they follow and copies
 * them in.
 *
 * usage: growth_events COUNT BASE FIRST_MS STEP_MS REST_MS < places > rows
 * Reads two events as hex, a line each: order_placed and order_cancelled of one order, or location_set and menu_set;
 * then a line for each location: id, seq, last number, hash. Writes rows of order_events in the text form of COPY,
 * oldest first: pair j is location j mod n's, its first event comes STEP_MS after the one of the pair before, and its
 * second one after REST_MS. Its command offsets are far below every real one, BASE pairs above a number of our own. */
#include "zapora/bus.h"
#include "zapora/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCATIONS_MAX 100000
#define LINE_BYTES_MAX (2 * MESSAGE_VALUE_BYTES_MAX + 2)
#define FIRST_OFFSET INT64_C(-1000000000000)
#define ARENA_BYTES_MAX (1u << 20)

#define CHECK(condition, what) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "growth_events: %s\n", what); \
            exit(1); \
        } \
    } while (0)

struct place {
    struct zp_id id;
    int32_t partition;
    int64_t seq, last_number;
    uint8_t hash[HASH_SIZE];
};

struct filling {
    int64_t count, base, first_us, step_us, rest_us;
    struct event first, second;
    struct place *places;
    size_t place_count;
    struct buffer value;
    char *hex; /* LINE_BYTES_MAX, for a line or a value */
};

static void read_template(char *line, struct arena *arena, struct event *event)
{
    const char *why = NULL;
    CHECK(fgets(line, LINE_BYTES_MAX, stdin) != NULL, "no template");
    size_t len = strcspn(line, "\n") / 2;
    uint8_t *bytes = arena_alloc(arena, len);
    CHECK(bytes != NULL && crypto_unhex(line, 2 * len, bytes, len), "a template is not hex");
    CHECK(message_event_decode(bytes, len, arena, event, &why) == ZP_OK, "a template cannot be read");
}

static void read_places(struct filling *filling)
{
    while (fgets(filling->hex, LINE_BYTES_MAX, stdin) != NULL) {
        CHECK(filling->place_count < LOCATIONS_MAX, "too many locations");
        struct place *place = &filling->places[filling->place_count++];
        char id[ID_TEXT_SIZE], hash[2 * HASH_SIZE + 1];
        int found = sscanf(filling->hex, "%36s %" SCNd64 " %" SCNd64 " %64s", id, &place->seq, &place->last_number,
                           hash);
        CHECK(found == 4 && id_parse(id, strlen(id), &place->id), "not a location");
        CHECK(crypto_unhex(hash, strlen(hash), place->hash, HASH_SIZE), "not a hash");
        place->partition = bus_partition_of_location(&place->id);
    }
    CHECK(filling->place_count > 0, "no locations");
}

static struct zp_id id_of(const struct place *place, int64_t number)
{
    uint8_t digest[16];
    const struct crypto_part part = { &number, sizeof number };
    crypto_blake2b(digest, sizeof digest, NULL, 0, &part, 1);
    return id_for_location(&place->id, digest);
}

/* The location's next event: chained, and written as a row. */
static void put_event(struct filling *filling, struct place *place, struct event *event, int64_t offset)
{
    char location[ID_TEXT_SIZE], order[ID_TEXT_SIZE], command[ID_TEXT_SIZE], at[TIME_TEXT_SIZE];
    event->location_id = event->order.location_id = place->id;
    event->order.id = event->order_id;
    event->seq = event->order.seq = ++place->seq;
    event->order.number = place->last_number;
    event->order.updated_at = event->at;
    buffer_reset(&filling->value);
    message_event_encode(event, &filling->value);
    CHECK(filling->value.err == ZP_OK, "an event cannot be written");
    location_chain(place->hash, event->seq, event->type, event->at, filling->value.data, filling->value.len);
    bool has_order = !id_is_none(&event->order_id);
    printf("%s\t%" PRId64 "\t%" PRId64 "\t%s\t%" PRId32 "\t%s\t%s\t%s", id_format(&place->id, location), event->seq,
           FIRST_OFFSET + offset, time_format(event->at, at), place->partition,
           has_order ? id_format(&event->order_id, order) : "\\N", id_format(&event->command_id, command),
           EVENT_WORDS.names[event->type]);
    printf("\t\\\\x%s", crypto_hex(place->hash, HASH_SIZE, filling->hex));
    printf("\t\\\\x%s\n", crypto_hex(filling->value.data, filling->value.len, filling->hex));
}

static void put_pair(struct filling *filling, int64_t number)
{
    struct place *place = &filling->places[(size_t)number % filling->place_count];
    struct event *first = &filling->first, *second = &filling->second;
    int64_t at = filling->first_us + number * filling->step_us, offset = (filling->base + number) * 2;
    int64_t promised = first->order.promised_at == 0 ? 0 : at + first->order.promised_at - first->order.placed_at;
    first->command_id = id_of(place, offset);
    second->command_id = id_of(place, offset + 1);
    first->at = at;
    second->at = at + filling->rest_us;
    if (first->type == EV_ORDER_PLACED) {
        place->last_number++;
        first->order_id = second->order_id = first->command_id;
        first->order.promised_at = second->order.promised_at = promised;
        first->order.placed_at = second->order.placed_at = at;
    }
    put_event(filling, place, first, offset);
    put_event(filling, place, second, offset + 1);
}

int main(int argc, char **argv)
{
    CHECK(argc == 6, "usage: growth_events COUNT BASE FIRST_MS STEP_MS REST_MS");
    struct filling filling = { .count = atoll(argv[1]), .base = atoll(argv[2]), .first_us = atoll(argv[3]) * 1000,
                               .step_us = atoll(argv[4]) * 1000, .rest_us = atoll(argv[5]) * 1000 };
    struct arena arena;
    filling.hex = malloc(LINE_BYTES_MAX);
    filling.places = calloc(LOCATIONS_MAX, sizeof *filling.places);
    CHECK(filling.hex != NULL && filling.places != NULL, "no memory");
    crypto_start();
    arena_init(&arena, ARENA_BYTES_MAX);
    buffer_init(&filling.value, MESSAGE_VALUE_BYTES_MAX);
    read_template(filling.hex, &arena, &filling.first);
    read_template(filling.hex, &arena, &filling.second);
    read_places(&filling);
    for (int64_t number = 0; number < filling.count; number++) {
        put_pair(&filling, number);
    }
    CHECK(fflush(stdout) == 0 && !ferror(stdout), "the rows cannot be written");
    buffer_finish(&filling.value);
    arena_finish(&arena);
    free(filling.places);
    free(filling.hex);
    return 0;
}
