/* config_sources: where settings come from: flags, the environment, a file.
 *
 * Called by config_load. Invariant: a source only says texts; whether they are good is judged in config.c, so the same
 * value is refused in the same words wherever it came from. */
#include "config.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)64 * 1024)

/* ---- flags: --name value, --name=value, a bare --name for a boolean ------------------------- */

/* The flags as they are walked through. */
struct flags {
    int argc;
    char **argv;
    int at;
};

static bool is_flag(const char *word)
{
    return word[0] == '-' && word[1] != '\0'; /* "-" alone is a word: standard input */
}

/* The value of a flag without "=": the next word, if it can be one. A boolean takes only a word that is a boolean. */
static const char *next_value(struct flags *flags, const struct setting *row)
{
    bool on;
    const char *next = flags->at + 1 < flags->argc ? flags->argv[flags->at + 1] : NULL;
    if (row != NULL && row->kind == SETTING_BOOL) {
        if (next == NULL || !config_parse_bool(next, &on)) {
            return "true";
        }
    } else if (next == NULL || strncmp(next, "--", 2) == 0) {
        return NULL;
    }
    flags->at++;
    return next;
}

static void fault_unknown_flag(struct config *config, const char *name, size_t len)
{
    const char *nearest = config_nearest(config, name, len);
    if (nearest != NULL) {
        char flag[SETTING_NAME_MAX + 2];
        config_flag_name(nearest, flag);
        config_fault(config, "unknown flag --%.*s; did you mean %s?", (int)(len < 64 ? len : 64), name, flag);
    } else {
        config_fault(config, "unknown flag --%.*s; --help lists the flags", (int)(len < 64 ? len : 64), name);
    }
}

/* A flag's name as its row has it: underscores for dashes. NULL when no row has so long a name. */
static const char *row_name(const char *flag, size_t len, char name[SETTING_NAME_MAX])
{
    if (len >= SETTING_NAME_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = flag[i] == '-' ? '_' : flag[i] == '_' ? '?' : flag[i];
    }
    name[len] = '\0';
    return name;
}

static void read_flag(struct config *config, struct flags *flags)
{
    char name_text[SETTING_NAME_MAX];
    const char *flag = flags->argv[flags->at] + 2;
    const char *equals = strchr(flag, '=');
    size_t len = equals == NULL ? strlen(flag) : (size_t)(equals - flag);
    const char *name = row_name(flag, len, name_text);
    const struct setting *row = name == NULL ? NULL : config_find(config, name, len);
    bool is_file = name != NULL && strcmp(name, "config") == 0;
    if (row == NULL && !is_file) {
        fault_unknown_flag(config, flag, len);
        return;
    }
    const char *value = equals != NULL ? equals + 1 : next_value(flags, row);
    if (value == NULL) {
        config_fault(config, "--%.*s needs a value", (int)len, flag);
    } else if (is_file) {
        config->file_path = value;
    } else {
        config_say(config, row, (struct said){ value, FROM_FLAG, 0 });
    }
}

static void read_word(struct config *config, char *word, char **ret_args, size_t args_max, size_t *count)
{
    if (*count < args_max) {
        ret_args[(*count)++] = word;
        ret_args[*count] = NULL;
    } else {
        config_fault(config, "one word too many: \"%.64s\"", word);
    }
}

void config_read_flags(struct config *config, int argc, char **argv, char **ret_args, size_t args_max, bool *ret_help)
{
    struct flags flags = { argc, argv, 0 };
    size_t words = 0;
    bool only_words = false; /* after "--" */
    if (ret_args != NULL) {
        ret_args[0] = NULL;
    }
    for (; flags.at < argc; flags.at++) {
        char *word = argv[flags.at];
        if (only_words || !is_flag(word)) {
            read_word(config, word, ret_args, args_max, &words);
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            *ret_help = true;
        } else if (word[1] == '-') {
            read_flag(config, &flags);
        } else {
            config_fault(config, "unknown flag %.64s; flags begin with two dashes", word);
        }
    }
}

/* ---- the environment: ZAPORA_NAME. Other ZAPORA_… variables belong to somebody else ----------- */

void config_read_environment(struct config *config)
{
    char variable[SETTING_NAME_MAX + 7];
    for (size_t i = 0; i < config->count; i++) {
        config_environment_name(config->rows[i].name, variable);
        const char *value = getenv(variable);
        if (value != NULL) {
            config_say(config, &config->rows[i], (struct said){ value, FROM_ENVIRONMENT, 0 });
        }
    }
    if (config->file_path == NULL) {
        config->file_path = getenv("ZAPORA_CONFIG");
    }
}

/* ---- the file: "name = value" lines; a line that begins with # is a comment ------------------- */

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    static const char white[] = " \t\r";
    text += strspn(text, white);
    size_t len = strlen(text);
    while (len > 0 && strchr(white, text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

static void read_line(struct config *config, char *line_text, int line)
{
    char *text = trim(line_text);
    if (text[0] == '\0' || text[0] == '#') {
        return;
    }
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        config_fault(config, "file %s:%d: not of the form \"name = value\"", config->file_path, line);
        return;
    }
    *equals = '\0';
    const char *name = trim(text);
    const struct setting *row = config_find(config, name, strlen(name));
    if (row == NULL) {
        const char *nearest = config_nearest(config, name, strlen(name));
        bool guess = nearest != NULL;
        config_fault(config, "file %s:%d: unknown setting \"%.64s\"%s%s%s", config->file_path, line, name,
                     guess ? "; did you mean " : "", guess ? nearest : "", guess ? "?" : "");
        return;
    }
    const struct said *before = &config->said[row - config->rows];
    if (before->source == FROM_FILE) {
        config_fault(config, "file %s:%d: %s was already set in line %d", config->file_path, line, name, before->line);
        return;
    }
    config_say(config, row, (struct said){ trim(equals + 1), FROM_FILE, line });
}

void config_read_file(struct config *config)
{
    char why[128];
    size_t len;
    if (config->file_path == NULL) {
        return;
    }
    if (!file_read(config->file_path, FILE_BYTES_MAX, &config->file_text, &len, why, sizeof(why))) {
        config_fault(config, "the settings' file \"%.200s\" cannot be read: %s", config->file_path, why);
        return;
    }
    if (strlen(config->file_text) != len) {
        config_fault(config, "the settings' file %s holds a NUL byte: it is not text", config->file_path);
        return;
    }
    int line = 0;
    char *rest = config->file_text;
    while (rest != NULL) {
        read_line(config, strsep(&rest, "\n"), ++line);
    }
}
