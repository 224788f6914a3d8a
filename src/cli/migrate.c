/* zapora migrate: brings the database's schema up to date. */
#include "commands.h"
#include "zapora/store.h"

struct migrate_settings { const char *migrations_dir, *postgres; bool dry_run; };

#define ROW(field) .name = #field, .offset = offsetof(struct migrate_settings, field)

static const struct setting rows[] = { /* sorted by name */
    { ROW(dry_run), .kind = SETTING_BOOL, .fallback = "false", .help = "Only say what would be applied." },
    { ROW(migrations_dir), .kind = SETTING_STR, .fallback = ZAPORA_DATA_DIR "/migrations", .min = 1, .max = 4000,
      .help = "Folder of the NNNN_name.sql files." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
};

int cli_migrate(int argc, char **argv)
{
    struct migrate_settings settings;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora migrate", rows, ZP_COUNT(rows), argc, argv, &settings, words, 0, &code)) {
        return code;
    }
    const struct store_settings store_settings = { .uri = settings.postgres,
                                                   .application = "zapora migrate",
                                                   .connect_timeout_ms = 5000 };
    struct store *store = NULL;
    if (store_create(&store_settings, &store) != ZP_OK) {
        return cli_fail("postgres is not a usable URI");
    }
    enum zp_err err = store_migrate(store, settings.migrations_dir, settings.dry_run, stdout);
    if (err != ZP_OK) {
        code = cli_fail("the schema could not be brought up to date: %s", store_trouble(store)->why);
    }
    store_destroy(store);
    return code;
}
