/* config: turns what the sources say into the role's struct, or into words about what is wrong.
 *
 * Called by each role once at start. Invariants: all faults are reported, not only the first; the struct is written
 * whole or not at all; the value of a text setting is never repeated in a fault, since it may hold a password. */
#include "config.h"
#include "file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES_MAX ((size_t)1024 * 1024)
#define TEXT_BYTES_MAX 4096 /* of a setting whose row names no other length */

/* The texts of settings, kept for the life of the process. Written at start only, by one thread. */
static struct arena kept = { .max_bytes = KEPT_BYTES_MAX };

union value {
    const char *text;
    int64_t number;
    bool on;
};

void config_fault(struct config *config, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(config->words, fmt, args);
    va_end(args);
    (void)fputc('\n', config->words);
    config->faults++;
}

void config_say(struct config *config, const struct setting *row, struct said said)
{
    struct said *before = &config->said[row - config->rows];
    if (said.source >= before->source) {
        *before = said;
    }
}

const struct setting *config_find(const struct config *config, const char *name, size_t len)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strlen(config->rows[i].name) == len && memcmp(config->rows[i].name, name, len) == 0) {
            return &config->rows[i];
        }
    }
    return NULL;
}

/* "ops_port (flag --ops-port): <why>; allowed: a whole number from 0 to 65535" */
static void fault_value(struct config *config, const struct setting *row, const struct said *said, const char *why)
{
    char from[SETTING_NAME_MAX + 32] = "default";
    char name[SETTING_NAME_MAX + 8];
    char allowed[96];
    config_allowed(row, allowed, sizeof(allowed));
    if (said->source == FROM_FLAG) {
        config_flag_name(row->name, name);
        (void)snprintf(from, sizeof(from), "flag %s", name);
    } else if (said->source == FROM_ENVIRONMENT) {
        config_environment_name(row->name, name);
        (void)snprintf(from, sizeof(from), "environment %s", name);
    }
    if (said->source == FROM_FILE) {
        config_fault(config, "%s (file %s:%d): %s; allowed: %s", row->name, config->file_path, said->line, why,
                     allowed);
    } else {
        config_fault(config, "%s (%s): %s; allowed: %s", row->name, from, why, allowed);
    }
}

static void fault_missing(struct config *config, const struct setting *row)
{
    char flag[SETTING_NAME_MAX + 2], variable[SETTING_NAME_MAX + 7], allowed[96];
    config_flag_name(row->name, flag);
    config_environment_name(row->name, variable);
    config_allowed(row, allowed, sizeof(allowed));
    config_fault(config, "%s: required and not set (flag %s, environment %s or the file); allowed: %s", row->name, flag,
                 variable, allowed);
}

/* Each judge gives the value, or false with the reason in why. */

static bool judge_int(const struct setting *row, const char *text, union value *ret_value, char *why, size_t why_size)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] < '0' || digits[0] > '9' || *end != '\0') {
        (void)snprintf(why, why_size, "\"%.40s\" is not a whole number", text);
        return false;
    }
    if (errno == ERANGE || number < row->min || number > row->max) {
        (void)snprintf(why, why_size, "%.40s is out of range", text);
        return false;
    }
    ret_value->number = number;
    return true;
}

static bool judge_bool(const struct setting *row, const char *text, union value *ret_value, char *why, size_t why_size)
{
    (void)row;
    (void)snprintf(why, why_size, "\"%.40s\" is neither true nor false", text);
    return config_parse_bool(text, &ret_value->on);
}

static bool keep_text(const char *text, union value *ret_value, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "no memory left to keep it");
    const char *copy = arena_strdup(&kept, text);
    if (copy == NULL) {
        return false;
    }
    ret_value->text = copy;
    return true;
}

static bool judge_text(const struct setting *row, const char *text, union value *ret_value, char *why, size_t why_size)
{
    size_t len = strlen(text);
    if (len < (size_t)row->min || len > (size_t)(row->max > 0 ? row->max : TEXT_BYTES_MAX)) {
        (void)snprintf(why, why_size, "it has %zu bytes", len);
        return false;
    }
    return keep_text(text, ret_value, why, why_size);
}

static bool judge_file(const struct setting *row, const char *text, union value *ret_value, char *why, size_t why_size)
{
    (void)row;
    char reason[128];
    if (text[0] != '\0' && !file_readable(text, reason, sizeof(reason))) {
        (void)snprintf(why, why_size, "%.200s cannot be read: %s", text, reason);
        return false;
    }
    return keep_text(text, ret_value, why, why_size);
}

static bool (*const judges[])(const struct setting *, const char *, union value *, char *, size_t) = {
    [SETTING_STR] = judge_text, [SETTING_INT] = judge_int, [SETTING_BOOL] = judge_bool, [SETTING_FILE] = judge_file,
};

static void judge_all(struct config *config, union value *ret_values)
{
    for (size_t i = 0; i < config->count; i++) {
        char why[512];
        const struct said *said = &config->said[i];
        const struct setting *row = &config->rows[i];
        if (said->text == NULL) {
            fault_missing(config, row);
        } else if (!judges[row->kind](row, said->text, &ret_values[i], why, sizeof(why))) {
            fault_value(config, row, said, why);
        }
    }
}

static void assign_all(const struct config *config, const union value *values, void *target)
{
    for (size_t i = 0; i < config->count; i++) {
        char *field = (char *)target + config->rows[i].offset;
        if (config->rows[i].kind == SETTING_INT) {
            memcpy(field, &values[i].number, sizeof(values[i].number));
        } else if (config->rows[i].kind == SETTING_BOOL) {
            memcpy(field, &values[i].on, sizeof(values[i].on));
        } else {
            memcpy(field, &values[i].text, sizeof(values[i].text));
        }
    }
}

static void assert_rows(const struct setting *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ZP_ASSERT(strlen(rows[i].name) < SETTING_NAME_MAX);
        ZP_ASSERT(strcmp(rows[i].name, "config") != 0 && strcmp(rows[i].name, "help") != 0);
        ZP_ASSERT(i == 0 || strcmp(rows[i - 1].name, rows[i].name) < 0);
    }
}

static void read_defaults(struct config *config)
{
    for (size_t i = 0; i < config->count; i++) {
        if (config->rows[i].fallback != NULL) {
            config_say(config, &config->rows[i], (struct said){ config->rows[i].fallback, FROM_DEFAULT, 0 });
        }
    }
}

static void read_all(struct config *config, int argc, char **argv, char **ret_args, size_t args_max, bool *ret_help)
{
    config_read_flags(config, argc, argv, ret_args, args_max, ret_help); /* first: it may name the file */
    if (!*ret_help) {
        config_read_environment(config);
        config_read_file(config);
        read_defaults(config);
    }
}

enum zp_err config_load(const char *usage, const struct setting *rows, size_t count, int argc, char **argv,
                        void *target, FILE *words, char **ret_args, size_t args_max, bool *ret_help)
{
    assert_rows(rows, count);
    bool help = false;
    struct config config = { .rows = rows, .count = count, .words = words };
    union value *values = calloc(count + 1, sizeof(*values));
    config.said = calloc(count + 1, sizeof(*config.said));
    if (values == NULL || config.said == NULL) {
        config_fault(&config, "no memory for the settings");
    } else {
        read_all(&config, argc, argv, ret_args, args_max, &help);
    }
    if (help) {
        (void)printf("%s\n\nSettings, from weakest to strongest: default, file, environment, flag.\n\n", usage);
        config_print(rows, count, stdout);
        config.faults = 0; /* who asks for help is not told off */
    } else if (config.said != NULL && values != NULL) {
        judge_all(&config, values);
        if (config.faults == 0) {
            assign_all(&config, values, target);
        }
    }
    *ret_help = help;
    free(values);
    free(config.said);
    free(config.file_text);
    return config.faults == 0 ? ZP_OK : ZP_INVALID;
}

enum zp_err config_read_key(const char *path, size_t min_bytes, size_t max_bytes, uint8_t **ret_key, size_t *ret_len,
                            char *why, size_t why_size)
{
    char *data;
    size_t len;
    char reason[128];
    if (!file_read(path, max_bytes, &data, &len, reason, sizeof(reason))) {
        (void)snprintf(why, why_size, "the key file %s cannot be read: %s", path, reason);
        return ZP_INVALID;
    }
    if (len < min_bytes) {
        (void)snprintf(why, why_size, "the key file %s has %zu bytes; allowed: %zu to %zu", path, len, min_bytes,
                       max_bytes);
        crypto_wipe(data, len);
        free(data);
        return ZP_INVALID;
    }
    *ret_key = (uint8_t *)data;
    *ret_len = len;
    return ZP_OK;
}
