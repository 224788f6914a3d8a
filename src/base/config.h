/* config.h: base's own door between the parts of config: what was said about each setting, and by whom. */
#ifndef ZAPORA_BASE_CONFIG_H
#define ZAPORA_BASE_CONFIG_H

#include "zapora/base.h"

#define SETTING_NAME_MAX 64 /* with the NUL */

/* A later source beats an earlier one. */
enum setting_source { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

/* What the strongest source so far said about one setting. */
struct said {
    const char *text; /* borrowed from argv, the environment, the file's text or the table */
    enum setting_source source;
    int line; /* FROM_FILE */
};

/* One call of config_load. */
struct config {
    const struct setting *rows; /* borrowed */
    size_t count;
    struct said *said;     /* owned, one for each row */
    const char *file_path; /* borrowed; NULL for none */
    char *file_text;       /* owned: what `said` points into */
    FILE *words;           /* borrowed: where faults are written */
    size_t faults;
};

/* Writes one fault as a line. */
void config_fault(struct config *config, const char *fmt, ...) ZP_PRINTF(2, 3);
/* Keeps what a source says, unless a stronger one has spoken. */
void config_say(struct config *config, const struct setting *row, struct said said);
/* The row with that name in its underscore form, or NULL. */
const struct setting *config_find(const struct config *config, const char *name, size_t len);

/* The sources. Each reports its own faults. */
void config_read_flags(struct config *config, int argc, char **argv, char **ret_args, size_t args_max, bool *ret_help);
void config_read_environment(struct config *config);
void config_read_file(struct config *config);

/* A setting's two other names. */
void config_flag_name(const char *name, char flag[SETTING_NAME_MAX + 2]);
void config_environment_name(const char *name, char variable[SETTING_NAME_MAX + 7]);
/* What a row allows, in words: "a whole number from 1 to 64". */
void config_allowed(const struct setting *row, char *text, size_t size);
/* The name of a row that was probably meant, or NULL. */
const char *config_nearest(const struct config *config, const char *name, size_t len);
bool config_parse_bool(const char *text, bool *ret_value);

#endif
