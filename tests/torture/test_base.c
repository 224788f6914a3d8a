/* Settings, keys, metrics, logs and passwords with each call failing once. */
#include "torture.h"

#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/zapora-torture-XXXXXX";

struct role { const char *listen; const char *key_file; int64_t threads; bool chatty; };

static const struct setting table[] = {
    { "torture_chatty", SETTING_BOOL, "false", 0, 0, offsetof(struct role, chatty), "Says more." },
    { "torture_key_file", SETTING_FILE, "", 0, 0, offsetof(struct role, key_file), "A key." },
    { "torture_listen", SETTING_STR, NULL, 3, 20, offsetof(struct role, listen), "Where to listen." },
    { "torture_threads", SETTING_INT, "2", 1, 64, offsetof(struct role, threads), "How many." },
};

static struct role role;
static char said[4096];

/* What is wrong is told, and the struct is written whole or not at all. */
static enum zp_err settings_are_loaded(void)
{
    char *argv[] = { "--config", path, "--torture-key-file", path };
    bool help = true;
    torture_pause();
    memset(said, 0, sizeof(said));
    role = (struct role){ "before", "before", -7, true };
    FILE *words = fmemopen(said, sizeof(said), "w");
    torture_resume();
    enum zp_err err = config_load("usage", table, ZP_COUNT(table), ZP_COUNT(argv), argv, &role, words, NULL, 0, &help);
    torture_pause();
    (void)fclose(words);
    torture_resume();
    return err;
}

static bool settings_are_whole(enum zp_err err)
{
    bool whole = strcmp(role.listen, "127.0.0.1:80") == 0 && strcmp(role.key_file, path) == 0 && said[0] == '\0';
    bool untouched = role.threads == -7 && role.chatty && said[0] != '\0';
    return err == ZP_OK ? whole : untouched;
}

static uint8_t *key;
static char why[256];

static void forget_key(void)
{
    free(key);
    key = NULL;
    why[0] = '\0';
}

static enum zp_err a_key_is_read(void)
{
    size_t len = 0;
    return config_read_key(path, 1, 4096, &key, &len, why, sizeof(why));
}

static bool key_is_there(enum zp_err err)
{
    return err == ZP_OK ? key != NULL : key == NULL && why[0] != '\0';
}

static struct buffer page;

static void open_page(void)
{
    buffer_init(&page, 1 << 20);
}

static void close_page(void)
{
    buffer_finish(&page);
}

static struct metric metrics[] = { { .name = "zapora_torture_total", .help = "h", .kind = METRIC_COUNTER } };

static enum zp_err metrics_are_shown(void)
{
    buffer_reset(&page);
    metrics_print(&page);
    return page.err;
}

static char hash[PASSWORD_HASH_SIZE];

static enum zp_err a_password_is_hashed(void)
{
    return crypto_password_hash("secret", hash);
}

static const struct torture rows[] = {
    { "settings are loaded", NULL, settings_are_loaded, settings_are_whole, NULL, ERR(INVALID), ZP_OK },
    { "a key is read", forget_key, a_key_is_read, key_is_there, forget_key, ERR(INVALID), ZP_OK },
    { "metrics are shown", open_page, metrics_are_shown, NULL, close_page, 0, ZP_OK },
    { "a password is hashed", NULL, a_password_is_hashed, NULL, NULL, 0, ZP_OK },
};

int main(void)
{
    static const char text[] = "torture_listen = 127.0.0.1:80\n";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1 || close(fd) != 0) {
        return 1;
    }
    metrics_register(metrics, ZP_COUNT(metrics));
    int failed = torture_main("base", rows, ZP_COUNT(rows));
    (void)unlink(path);
    return failed;
}
