/* config_words: settings in words: their names as flag and variable, what they allow, the reference, a guess at what
 * was meant.
 *
 * Called by config_load and `--help`. Invariant: the reference is printed from the same rows that judge. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#define NEAR_MAX 2 /* single-letter changes that still count as a slip of the finger */

void config_flag_name(const char *name, char flag[SETTING_NAME_MAX + 2])
{
    (void)snprintf(flag, SETTING_NAME_MAX + 2, "--%s", name);
    for (char *c = flag; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
}

void config_environment_name(const char *name, char variable[SETTING_NAME_MAX + 7])
{
    (void)snprintf(variable, SETTING_NAME_MAX + 7, "ZAPORA_%s", name);
    for (char *c = variable; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
}

bool config_parse_bool(const char *text, bool *ret_value)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        { "0", false }, { "1", true }, { "false", false }, { "off", false }, { "on", true }, { "true", true },
    };
    for (size_t i = 0; i < ZP_COUNT(words); i++) {
        if (strcmp(words[i].word, text) == 0) {
            *ret_value = words[i].value;
            return true;
        }
    }
    return false;
}

void config_allowed(const struct setting *row, char *text, size_t size)
{
    if (row->kind == SETTING_INT) {
        (void)snprintf(text, size, "a whole number from %" PRId64 " to %" PRId64, row->min, row->max);
    } else if (row->kind == SETTING_BOOL) {
        (void)snprintf(text, size, "true, false, on, off, 1, 0");
    } else if (row->kind == SETTING_FILE) {
        (void)snprintf(text, size, "the path of a file that can be read");
    } else if (row->max > 0) {
        (void)snprintf(text, size, "text of %" PRId64 " to %" PRId64 " bytes", row->min, row->max);
    } else {
        (void)snprintf(text, size, "text%s", row->min > 0 ? ", not empty" : "");
    }
}

void config_print(const struct setting *rows, size_t count, FILE *out)
{
    static const char *const value_names[] = {
        [SETTING_STR] = " TEXT", [SETTING_INT] = " NUMBER", [SETTING_BOOL] = "[=BOOL]", [SETTING_FILE] = " FILE",
    };
    (void)fprintf(out, "  --config FILE  ZAPORA_CONFIG\n"
                       "      Lines of \"name = value\"; # begins a comment. Default: none.\n"
                       "  --help\n"
                       "      Prints this.\n");
    for (size_t i = 0; i < count; i++) {
        char flag[SETTING_NAME_MAX + 2], variable[SETTING_NAME_MAX + 7], allowed[96];
        config_flag_name(rows[i].name, flag);
        config_environment_name(rows[i].name, variable);
        config_allowed(&rows[i], allowed, sizeof(allowed));
        (void)fprintf(out, "  %s%s  %s\n      %s\n", flag, value_names[rows[i].kind], variable, rows[i].help);
        if (rows[i].fallback == NULL) {
            (void)fprintf(out, "      Required. Allowed: %s.\n", allowed);
        } else {
            const char *fallback = rows[i].fallback[0] == '\0' ? "none" : rows[i].fallback;
            (void)fprintf(out, "      Default: %s. Allowed: %s.\n", fallback, allowed);
        }
    }
}

/* Levenshtein's distance between a name that was typed and one of ours. */
static size_t distance(const char *typed, size_t len, const char *name)
{
    size_t row[SETTING_NAME_MAX];
    size_t name_len = strlen(name);
    for (size_t i = 0; i <= name_len; i++) {
        row[i] = i;
    }
    for (size_t t = 0; t < len; t++) {
        size_t diagonal = row[0];
        row[0] = t + 1;
        for (size_t n = 0; n < name_len; n++) {
            bool same = typed[t] == name[n] || (typed[t] == '-' && name[n] == '_');
            size_t best = diagonal + !same;
            best = row[n + 1] + 1 < best ? row[n + 1] + 1 : best;
            best = row[n] + 1 < best ? row[n] + 1 : best;
            diagonal = row[n + 1];
            row[n + 1] = best;
        }
    }
    return row[name_len];
}

const char *config_nearest(const struct config *config, const char *name, size_t len)
{
    const char *nearest = NULL;
    size_t least = NEAR_MAX + 1;
    for (size_t i = 0; i < config->count && len < SETTING_NAME_MAX; i++) {
        size_t far = distance(name, len, config->rows[i].name);
        if (far < least && far < strlen(config->rows[i].name)) {
            least = far;
            nearest = config->rows[i].name;
        }
    }
    return nearest;
}
