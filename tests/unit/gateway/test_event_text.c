/* The text of an event: made once, told from every other one, alive while somebody holds it. */
#include "event_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct live_note note_of(uint8_t location, int64_t seq, uint8_t hash)
{
    static const char json[] = "{\"n\":1}";
    struct live_note note = {
        .type = EV_ORDER_PLACED, .seq = seq, .head = { .seq = seq }, .json = json, .json_len = sizeof(json) - 1,
    };
    note.location_id.bytes[0] = location;
    note.head.hash[HASH_SIZE - 1] = hash;
    return note;
}

static void has_the_form_of_a_stream(void **state)
{
    (void)state;
    struct event_texts texts = { .last = NULL };
    const struct live_note note = note_of(1, 7, 1);
    const struct event_text *text = event_text_of(&texts, &note);
    char want[256];
    (void)snprintf(want, sizeof(want), "id: 7\nevent: %s\ndata: {\"n\":1}\n\n", EVENT_WORDS.names[EV_ORDER_PLACED]);
    assert_int_equal(text->len, strlen(want));
    assert_memory_equal(text->bytes, want, text->len);
    event_texts_finish(&texts);
}

static const struct row { const char *name; uint8_t location; int64_t seq; uint8_t hash; bool same; } rows[] = {
    { "the same event", 1, 7, 1, true },
    { "the next event", 1, 8, 2, false },
    { "the same seq of another location", 2, 7, 1, false },
    { "the same seq of another history", 1, 7, 2, false },
};

static void is_made_once_for_an_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct event_texts texts = { .last = NULL };
        const struct live_note first = note_of(1, 7, 1), second = note_of(rows[i].location, rows[i].seq, rows[i].hash);
        struct event_text *text = event_text_hold(event_text_of(&texts, &first));
        if ((event_text_of(&texts, &second) == text) != rows[i].same) {
            fail_msg("%s", rows[i].name);
        }
        event_text_release(text);
        event_texts_finish(&texts);
    }
}

static void lives_while_it_is_held(void **state)
{
    (void)state;
    struct event_texts texts = { .last = NULL };
    const struct live_note first = note_of(1, 7, 1), second = note_of(1, 8, 2);
    struct event_text *text = event_text_hold(event_text_of(&texts, &first));
    assert_non_null(event_text_of(&texts, &second));
    event_texts_finish(&texts);
    assert_int_equal(text->refs, 1);
    assert_memory_equal(text->bytes, "id: 7\n", 6);
    event_text_release(text);
    event_text_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_form_of_a_stream),
        cmocka_unit_test(is_made_once_for_an_event),
        cmocka_unit_test(lives_while_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
