/* mapping: owns the walk through a YAML file, by tables of fields. Called by topics_read.
 *
 * Only what our files need is read: one document of mappings, in block or flow form, and plain or quoted text.
 * Invariant: whatever else a file holds is refused with its line, so that no wish of its writer is lost in silence. */
#include "mapping.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

#define TEXT_SIZE 512
#define WORDS_SIZE 100 /* of the file's own text in a refusal */

struct bus_mapping {
    yaml_parser_t parser;
    const char *file; /* borrowed */
    void *into;       /* borrowed */
    char *why;        /* borrowed, BUS_WHY_SIZE */
    size_t line;      /* of the event at hand, from 1 */
};

static void event_drop(yaml_event_t *event)
{
    yaml_event_delete(event);
}

#define EVENT __attribute__((cleanup(event_drop))) yaml_event_t

void *bus_mapping_into(struct bus_mapping *from)
{
    return from->into;
}

const char *bus_mapping_file(const struct bus_mapping *from)
{
    return from->file;
}

enum zp_err bus_mapping_refuse(struct bus_mapping *from, const char *fmt, ...)
{
    int used = snprintf(from->why, BUS_WHY_SIZE, "%.*s:%zu: ", WORDS_SIZE, from->file, from->line);
    va_list args;
    va_start(args, fmt);
    vsnprintf(from->why + used, BUS_WHY_SIZE - (size_t)used, fmt, args);
    va_end(args);
    return ZP_INVALID;
}

static enum zp_err event_next(struct bus_mapping *from, yaml_event_t *ret_event)
{
    if (!yaml_parser_parse(&from->parser, ret_event)) {
        const char *problem = from->parser.problem != NULL ? from->parser.problem : "no memory";
        from->line = from->parser.problem_mark.line + 1;
        return bus_mapping_refuse(from, "this is not YAML: %s", problem);
    }
    from->line = ret_event->start_mark.line + 1;
    return ZP_OK;
}

/* Plain words that YAML reads as something else than they look: kubectl would see a boolean, or nothing. */
static bool plain_is_trap(const char *text)
{
    static const char *const traps[] = { "", "~", "null", "yes", "no", "on", "off", "y", "n" };
    for (size_t i = 0; i < ZP_COUNT(traps); i++) {
        if (strcasecmp(text, traps[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum zp_err text_read(struct bus_mapping *from, const yaml_event_t *event, char ret_text[TEXT_SIZE])
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    yaml_scalar_style_t style = event->data.scalar.style;
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        return bus_mapping_refuse(from, "anchors and tags are not read");
    }
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE) {
        return bus_mapping_refuse(from, "block text is not read");
    }
    if (len >= TEXT_SIZE || memchr(text, '\0', len) != NULL) {
        return bus_mapping_refuse(from, "text is longer than %d bytes, or holds a NUL", TEXT_SIZE - 1);
    }
    if (style == YAML_PLAIN_SCALAR_STYLE && plain_is_trap(text)) {
        return bus_mapping_refuse(from, "\"%s\" needs quotes, or a value", text);
    }
    memcpy(ret_text, text, len + 1);
    return ZP_OK;
}

static enum zp_err field_find(struct bus_mapping *from, const struct bus_mapping_field *fields, const char *key,
                              uint32_t *seen, const struct bus_mapping_field **ret_field)
{
    for (size_t i = 0; fields[i].key != NULL; i++) {
        bool any = strcmp(fields[i].key, "*") == 0;
        if (!any && strcmp(fields[i].key, key) != 0) {
            continue;
        }
        if (!any && (*seen & 1u << i) != 0) {
            return bus_mapping_refuse(from, "%.*s stands twice", WORDS_SIZE, key);
        }
        *seen |= 1u << i;
        *ret_field = &fields[i];
        return ZP_OK;
    }
    return bus_mapping_refuse(from, "%.*s is not known here", WORDS_SIZE, key);
}

static enum zp_err mapping_read(struct bus_mapping *from, const struct bus_mapping_field *fields);

static enum zp_err value_read(struct bus_mapping *from, const struct bus_mapping_field *field, const char *key)
{
    EVENT event = { 0 };
    enum zp_err err = event_next(from, &event);
    if (err != ZP_OK) {
        return err;
    }
    if (event.type == YAML_SCALAR_EVENT && field->inner == NULL) {
        char text[TEXT_SIZE];
        err = text_read(from, &event, text);
        return err != ZP_OK ? err : field->read(from, field, key, text);
    }
    if (event.type == YAML_MAPPING_START_EVENT && field->inner != NULL) {
        bool plain = event.data.mapping_start.anchor == NULL && event.data.mapping_start.tag == NULL;
        return plain ? mapping_read(from, field->inner) : bus_mapping_refuse(from, "anchors and tags are not read");
    }
    return bus_mapping_refuse(from, "%.*s must be %s", WORDS_SIZE, key, field->inner != NULL ? "a mapping" : "text");
}

/* The keys and values of a mapping whose start has been read, up to its end. */
static enum zp_err mapping_read(struct bus_mapping *from, const struct bus_mapping_field *fields)
{
    uint32_t seen = 0;
    for (;;) {
        EVENT event = { 0 };
        enum zp_err err = event_next(from, &event);
        if (err != ZP_OK || event.type == YAML_MAPPING_END_EVENT) {
            for (size_t i = 0; err == ZP_OK && fields[i].key != NULL; i++) {
                if (fields[i].required && (seen & 1u << i) == 0) {
                    err = bus_mapping_refuse(from, "%s is missing", fields[i].key);
                }
            }
            return err;
        }
        if (event.type != YAML_SCALAR_EVENT) {
            return bus_mapping_refuse(from, "a key must be text");
        }
        char key[TEXT_SIZE];
        const struct bus_mapping_field *field;
        err = text_read(from, &event, key);
        err = err != ZP_OK ? err : field_find(from, fields, key, &seen, &field);
        err = err != ZP_OK ? err : value_read(from, field, key);
        if (err != ZP_OK) {
            return err;
        }
    }
}

static enum zp_err expect(struct bus_mapping *from, yaml_event_type_t type, const char *otherwise)
{
    EVENT event = { 0 };
    enum zp_err err = event_next(from, &event);
    return err != ZP_OK || event.type == type ? err : bus_mapping_refuse(from, "%s", otherwise);
}

static enum zp_err document_read(struct bus_mapping *from, const struct bus_mapping_field *fields)
{
    enum zp_err err = expect(from, YAML_STREAM_START_EVENT, "this is not YAML");
    err = err != ZP_OK ? err : expect(from, YAML_DOCUMENT_START_EVENT, "the file is empty");
    err = err != ZP_OK ? err : expect(from, YAML_MAPPING_START_EVENT, "the document must be a mapping");
    err = err != ZP_OK ? err : mapping_read(from, fields);
    err = err != ZP_OK ? err : expect(from, YAML_DOCUMENT_END_EVENT, "the document must be a mapping");
    return err != ZP_OK ? err : expect(from, YAML_STREAM_END_EVENT, "one file holds one document");
}

enum zp_err bus_mapping_read(FILE *in, const char *file, const struct bus_mapping_field *fields, void *into,
                             char why[BUS_WHY_SIZE])
{
    struct bus_mapping from = { .file = file, .into = into, .why = why };
    if (!yaml_parser_initialize(&from.parser)) {
        return bus_mapping_refuse(&from, "no memory");
    }
    yaml_parser_set_input_file(&from.parser, in);
    enum zp_err err = document_read(&from, fields);
    yaml_parser_delete(&from.parser);
    return err;
}
