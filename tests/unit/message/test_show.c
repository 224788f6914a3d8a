/* What the API shows: exact texts, for clients take them apart. */
#include "support.h"

#include "json.h"

#include <jansson.h>

#define ORDER "0193f0a1-5c3e-8711-9abc-def012345601"
#define LOCATION "0193f0a1-5c3e-8711-9abc-def012345602"
#define COMMAND "0193f0a1-5c3e-8711-9abc-def012345604"

#define LINKS "'links':{'self':'/orders/" ORDER "','events':'/orders/" ORDER "/events','command':'/commands/" ORDER "'}"
#define LINES \
    "'lines':[{'line':1,'item_id':'burger','name':'Käse-Burger','quantity':2,'unit_price':1250," \
    "'options':[{'option_id':'extra-cheese','name':'Extra cheese','price':150,'quantity':2}],'total':3100," \
    "'tax_rate_bp':1900,'station':'grill','status':'new','note':'well done'}," \
    "{'line':2,'item_id':'water','name':'Water','quantity':1,'unit_price':200,'options':[],'total':200," \
    "'tax_rate_bp':700,'status':'cooking'}]"
#define AN_ORDER(status, number, reasons) \
    "{'id':'" ORDER "','location_id':'" LOCATION "','number':" number ",'status':'" status "','version':4," \
    "'seq':124,'type':'delivery','currency':'EUR','subtotal':3300,'discount':0,'tax':508,'fee':350," \
    "'tip':100,'total':3750," LINES ",'customer':{'name':'Zoë','phone':'+49 30 1234'," \
    "'address':'Hauptstr. 1'},'note':'ring twice','placed_at':'2026-01-02T15:04:05.678Z'," \
    "'promised_at':'2026-01-02T15:24:05.678Z','updated_at':'2026-01-02T15:04:05.679Z','reasons':" reasons "," LINKS "}"
#define REASONS \
    "[{'code':'item_unknown','detail':'the menu has no such item','pointer':'/lines/0/item_id'}," \
    "{'code':'closed','detail':'the kitchen is closed'}]"
#define ABOUT(type) "'seq':124,'type':'" type "','at':'2026-01-02T15:04:05.678Z','location_id':'" LOCATION "',"
#define SETTINGS "{'name':'Zur Post','currency':'EUR','prices_include_tax':true,'auto_accept':true," \
                 "'prep_minutes':20,'delivery_fee':350}"
#define SOUP "{'id':'soup','name':'Soup','price':700,'tax_rate_bp':700,'available':true,'allergens':[]," \
             "'option_groups':[]}"
#define ITEMS \
    "'items':[{'id':'burger','name':'Käse-Burger','description':'With \\'everything\\'','price':1250," \
    "'tax_rate_bp':1900,'available':true,'station':'grill','allergens':['gluten','milk'],'option_groups':[" \
    "{'id':'toppings','name':'Toppings','min':0,'max':2,'options':[{'id':'extra-cheese'," \
    "'name':'Extra cheese','price':150,'available':true},{'id':'no_onion','name':'Ohne Zwiebeln 🧅'," \
    "'price':-50,'available':false}]}]},{'id':'water','name':'Water','price':200,'tax_rate_bp':700," \
    "'available':false,'allergens':[],'option_groups':[]}]"

static struct buffer out; /* of the test that runs */

/* What was put must be this, with ' for every quotation mark. */
static void expect_shown(const char *want)
{
    char *text = arena_strdup(&arena, want);

    for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;) {
        *quote = '"';
    }
    expect_text(&out, text);
}

static int out_setup(void **state)
{
    buffer_init(&out, MESSAGE_BODY_BYTES_MAX);
    return arena_setup(state);
}

static int out_teardown(void **state)
{
    buffer_finish(&out);
    return arena_teardown(state);
}

static void an_order(void **state)
{
    (void)state;
    message_order_json(&sample_event(EV_ORDER_ACCEPTED)->order, &out);
    expect_shown(AN_ORDER("accepted", "17", "[]"));
}

static void a_refused_order_has_no_number_but_reasons(void **state)
{
    (void)state;
    message_order_json(&sample_event(EV_ORDER_REJECTED)->order, &out);
    expect_shown(AN_ORDER("rejected", "null", REASONS));
}

static void what_is_absent_is_left_out(void **state)
{
    (void)state;
    const struct order *sample = &sample_event(EV_ORDER_ACCEPTED)->order;
    struct order order = {
        .id = sample->id, .location_id = sample->location_id, .status = ORDER_REJECTED, .version = 1, .seq = 1,
        .placed_at = SAMPLE_AT,
    };

    message_order_json(&order, &out);
    expect_shown("{'id':'" ORDER "','location_id':'" LOCATION "','number':null,'status':'rejected',"
                 "'version':1,'seq':1,'type':'pickup','subtotal':0,'discount':0,'tax':0,'fee':0,'tip':0,"
                 "'total':0,'lines':[],'customer':{},'placed_at':'2026-01-02T15:04:05.678Z','reasons':[]," LINKS "}");
}

static void a_submitted_order(void **state)
{
    (void)state;
    message_submitted_json(sample_command(CMD_ORDER_PLACE), &out);
    expect_shown("{'id':'" ORDER "','command_id':'" ORDER "','status':'submitted','version':0,"
                 "'location_id':'" LOCATION "','submitted_at':'2026-01-02T15:04:05.678Z'," LINKS "}");
}

static void outcomes(void **state)
{
    (void)state;
    const struct event *refused = sample_event(EV_COMMAND_REFUSED);
    struct outcome outcome = { .command_id = refused->command_id, .order_id = refused->order_id, .seq = 124 };

    message_outcome_json(&outcome, &out);
    expect_shown("{'id':'" COMMAND "','status':'applied','order_id':'" ORDER "','seq':124,'reasons':[]}");
    buffer_reset(&out);
    outcome = (struct outcome){ .command_id = refused->command_id, .err = ZP_PARKED, .reasons = refused->reasons,
                                .reason_count = refused->reason_count };
    message_outcome_json(&outcome, &out);
    expect_shown("{'id':'" COMMAND "','status':'refused','order_id':null,'seq':null,'reasons':" REASONS "}");
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void an_order_s_event_ends_with_the_order(void **state)
{
    (void)state;
    size_t order_at = 0;

    buffer_puts(&out, "before");
    message_event_json(sample_event(EV_ORDER_STARTED), &out, &order_at);
    expect_shown("before{" ABOUT("order_started") "'order_id':'" ORDER "','command_id':'" COMMAND "',"
                 "'by':'kitchen','order':" AN_ORDER("preparing", "17", "[]") "}");
    out.data[--out.len] = '\0';
    memmove(out.data, out.data + order_at, out.len - order_at + 1);
    out.len -= order_at;
    expect_shown(AN_ORDER("preparing", "17", "[]"));
}

static void other_events_hold_what_they_are_about(void **state)
{
    (void)state;
    static const struct { enum event_type type; const char *want; } rows[] = {
        { EV_LOCATION_SET,
          "{" ABOUT("location_set") "'command_id':'" COMMAND "','by':'admin','settings':" SETTINGS "}" },
        { EV_MENU_SET,
          "{" ABOUT("menu_set") "'command_id':'" COMMAND "','by':'manager','menu':{'version':12," ITEMS "}}" },
        { EV_MENU_ITEM_SET, "{" ABOUT("menu_item_set") "'command_id':'" COMMAND "','by':'manager','item':" SOUP
                            ",'menu_version':13}" },
        { EV_COMMAND_REFUSED, "{'seq':null,'type':'command_refused','at':'2026-01-02T15:04:05.678Z','location_id':'"
                              LOCATION "','order_id':'" ORDER "','command_id':'" COMMAND "','by':'actor',"
                              "'err':'CONFLICT','reasons':" REASONS "}" },
        { EV_COMMAND_PARKED, "{'seq':null,'type':'command_parked','at':'2026-01-02T15:04:05.678Z','command_id':'"
                             COMMAND "','err':'PARKED','reasons':[{'code':'closed',"
                                 "'detail':'the kitchen is closed'}]}" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        size_t order_at = 42;
        buffer_reset(&out);
        message_event_json(sample_event(rows[i].type), &out, &order_at);
        expect_shown(rows[i].want);
        assert_int_equal(order_at, 0);
        buffer_reset(&out);
        message_event_json(sample_event(rows[i].type), &out, NULL);
        expect_shown(rows[i].want);
    }
}

/* ---- menus ------------------------------------------------------------------------------------------------------- */

static void menus(void **state)
{
    (void)state;
    const struct event *menu = sample_event(EV_MENU_SET), *settings = sample_event(EV_LOCATION_SET);

    message_menu_json(&menu->location_id, &settings->settings, &menu->menu, &out);
    expect_shown("{'location_id':'" LOCATION "','currency':'EUR','version':12," ITEMS "}");
    buffer_reset(&out);
    message_menu_item_json(&sample_event(EV_MENU_ITEM_SET)->item, &out);
    expect_shown(SOUP);
    buffer_reset(&out);
    message_menu_doc_json(&menu->menu, &out);
    expect_shown("{'version':12," ITEMS "}");
    buffer_reset(&out);
    message_settings_json(&settings->settings, &out);
    expect_shown(SETTINGS);
}

/* ---- replays ------------------------------------------------------------------------------------------- */

static void replays(void **state)
{
    (void)state;
    const struct record record = { .partition = 7, .offset = 4711, .timestamp_us = SAMPLE_AT };

    message_replay_event_json(&record, sample_event(EV_ORDER_STARTED), &out);
    expect_shown("{'topic':'orders.events.v1','partition':7,'offset':4711,'seq':124,'type':'order_started',"
                 "'at':'2026-01-02T15:04:05.678Z','location_id':'" LOCATION "','order_id':'" ORDER "',"
                 "'command_id':'" COMMAND "','data':{'by':'kitchen','order':" AN_ORDER("preparing", "17",
                          "[]") "}}");
    buffer_reset(&out);
    message_replay_event_json(&record, sample_event(EV_COMMAND_PARKED), &out);
    expect_shown("{'topic':'orders.events.v1','partition':7,'offset':4711,'seq':null,'type':'command_parked',"
                 "'at':'2026-01-02T15:04:05.678Z','location_id':null,'order_id':null,'command_id':'" COMMAND "',"
                 "'data':{'err':'PARKED','reasons':[{'code':'closed','detail':'the kitchen is closed'}]}}");
    buffer_reset(&out);
    message_replay_command_json(&record, sample_command(CMD_ORDER_START), &out);
    expect_shown("{'topic':'orders.commands.v1','partition':7,'offset':4711,'seq':null,'type':'order_start',"
                 "'at':'2026-01-02T15:04:05.678Z','location_id':'" LOCATION "','order_id':'" ORDER "',"
                 "'command_id':'" COMMAND "','data':{'actor':{'user_id':'0193f0a1-5c3e-8711-9abc-def012345603',"
                 "'role':'kitchen','locations':['" LOCATION "','0193f0a1-5c3e-8711-9abc-def012345609']},"
                 "'if_match':3,'submitted_at':'2026-01-02T15:04:05.678Z','reason':'as asked by phone'}}");
}

/* ---- whatever it is, it is JSON, and holds nothing private --------------------------------------------- */

static void expect_json(void)
{
    json_error_t error;
    json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL) {
        fail_msg("%s in %s", error.text, out.data);
    }
    json_decref(json);
    assert_null(strstr(out.data, "fingerprint"));
    assert_null(strstr(out.data, "owner"));
    buffer_reset(&out);
}

static void everything_shown_is_json_without_what_is_private(void **state)
{
    (void)state;
    const struct record record = { .partition = 7 };

    for (enum event_type type = 0; type < EV_COUNT; type++) {
        message_event_json(sample_event(type), &out, NULL);
        expect_json();
        message_replay_event_json(&record, sample_event(type), &out);
        expect_json();
    }
    for (enum command_type type = 0; type < CMD_COUNT; type++) {
        message_replay_command_json(&record, sample_command(type), &out);
        expect_json();
    }
}

/* ---- single values ------------------------------------------------------------------------------------- */

static void strings(void **state)
{
    (void)state;
    static const struct { const char *name, *text, *want; } rows[] = {
        { "nothing",              NULL,                    "null" },
        { "empty",                "",                      "\"\"" },
        { "plain",                "abc / 'x'",             "\"abc / 'x'\"" },
        { "quotes and slashes",   "\"\\",                  "\"\\\"\\\\\"" },
        { "white space",          "\b\f\n\r\t",            "\"\\b\\f\\n\\r\\t\"" },
        { "control characters",   "\x01\x1f\x1b[31m",      "\"\\u0001\\u001f\\u001b[31m\"" },
        { "DEL is fine",          "\x7f",                  "\"\x7f\"" },
        { "two, three, four bytes", "ä€🍕",               "\"ä€🍕\"" },
        { "the last of each",     "\u07ff\uffff\U0010ffff", "\"\u07ff\uffff\U0010ffff\"" },
        { "a stray byte",         "a\x80z",                "\"a\xEF\xBF\xBDz\"" },
        { "never a byte of UTF-8", "\xff\xfe",             "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "half a character",     "\xe2\x82",              "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "half a character and more", "\xe2\x82z",        "\"\xEF\xBF\xBD\xEF\xBF\xBDz\"" },
        { "an overlong NUL",      "\xc0\x80",              "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "an overlong slash in three bytes", "\xe0\x80\xaf", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "an overlong slash in four bytes", "\xf0\x80\x80\xaf",
          "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "a surrogate",          "\xed\xa0\x80",          "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        { "beyond Unicode",       "\xf4\x90\x80\x80",      "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        buffer_reset(&out);
        json_put_string(&out, rows[i].text);
        if (strcmp(out.data, rows[i].want) != 0) {
            fail_msg("%s: %s", rows[i].name, out.data);
        }
    }
}

static void what_is_none_is_null(void **state)
{
    (void)state;
    json_put_id(&out, &ID_NONE);
    json_put_time(&out, 0);
    json_put_count(&out, 0);
    json_put_count(&out, -7);
    expect_text(&out, "nullnullnull-7");
}

#define shown(f) cmocka_unit_test_setup_teardown(f, out_setup, out_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        shown(an_order),
        shown(a_refused_order_has_no_number_but_reasons),
        shown(what_is_absent_is_left_out),
        shown(a_submitted_order),
        shown(outcomes),
        shown(an_order_s_event_ends_with_the_order),
        shown(other_events_hold_what_they_are_about),
        shown(menus),
        shown(replays),
        shown(everything_shown_is_json_without_what_is_private),
        shown(strings),
        shown(what_is_none_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
