/* zapora user add: makes a user. */
#include "commands.h"
#include "zapora/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD_BYTES_MIN 15 /* without a second factor */
#define PASSWORD_BYTES_MAX 256

struct user_settings { const char *email, *location, *name, *password_file, *postgres, *role; };

#define ROW(field) .name = #field, .offset = offsetof(struct user_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(email), .kind = SETTING_STR, .min = 3, .max = 254,
      .help = "The user's address, which is the name at login." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 4000,
      .help = "Locations of a member of staff: UUIDs with commas between them." },
    { ROW(name), .kind = SETTING_STR, .min = 1, .max = 200, .help = "The user's name." },
    { ROW(password_file), .kind = SETTING_STR, .fallback = "-", .min = 1, .max = 4000,
      .help = "File whose first line is the password; - is standard input." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
    { ROW(role), .kind = SETTING_STR, .fallback = "customer", .min = 1, .max = 20,
      .help = "customer, kitchen, manager or admin." },
};

static bool parse_locations(const char *text, struct zp_id *ret_ids, size_t *ret_count)
{
    size_t count = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        if (count == ACTOR_LOCATIONS_MAX || !id_parse(text, len, &ret_ids[count++])) {
            return false;
        }
        text += len + (text[len] == ',');
    }
    *ret_count = count;
    return true;
}

/* The first line of the file, or NULL after a word to the caller's user. */
static char *read_password(const char *path)
{
    size_t len = 0;
    char *text = cli_read_file(path, PASSWORD_BYTES_MAX + 2, &len);
    if (text == NULL) {
        cli_fail("the password cannot be read from %s: %s", path, strerror(errno));
        return NULL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    len = strlen(text);
    if (len < PASSWORD_BYTES_MIN || len > PASSWORD_BYTES_MAX) {
        cli_fail("the password has %zu bytes; it may have %d to %d", len, PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX);
        free(text);
        return NULL;
    }
    return text;
}

static int add(const struct user_settings *settings, struct account *account, const char *password)
{
    char hash[PASSWORD_HASH_SIZE];
    if (crypto_password_hash(password, hash) != ZP_OK) {
        return cli_fail("not enough memory to hash the password");
    }
    account->password_hash = hash;
    const struct store_settings store_settings = { .uri = settings->postgres,
                                                   .application = "zapora user",
                                                   .connect_timeout_ms = 5000 };
    struct store *store = NULL;
    if (store_create(&store_settings, &store) != ZP_OK) {
        return cli_fail("postgres is not a usable URI");
    }
    int code = 0;
    char text[ID_TEXT_SIZE];
    switch (store_account_add(store, account)) {
    case ZP_OK:
        printf("added %s %s (%s)\n", settings->role, settings->email, id_format(&account->id, text));
        break;
    case ZP_CONFLICT:
        printf("%s is there already; nothing was changed\n", settings->email);
        break;
    default:
        code = cli_fail("the user could not be added: %s", store_trouble(store)->why);
    }
    store_destroy(store);
    return code;
}

int cli_user(int argc, char **argv)
{
    struct user_settings settings;
    char *words[2] = { 0 };
    int code = 0;
    if (!cli_load("zapora user add", rows, ZP_COUNT(rows), argc, argv, &settings, words, 1, &code)) {
        return code;
    }
    int role = words_find(&ACTOR_ROLE_WORDS, settings.role);
    struct zp_id locations[ACTOR_LOCATIONS_MAX];
    struct account account = { .id = id_fresh(),
                               .email = settings.email,
                               .name = settings.name,
                               .role = (enum actor_role)role,
                               .locations = locations };
    const char *wrong = words[0] == NULL || strcmp(words[0], "add") != 0 ? "the only thing to do is: add"
                        : role < 0 || role == ROLE_SYSTEM     ? "role may be customer, kitchen, manager or admin"
                        : strchr(settings.email, '@') == NULL ? "email has no @"
                        : !parse_locations(settings.location, locations, &account.location_count)
                            ? "location must be UUIDs with commas between them, at most 64"
                        : (account.location_count == 0) != (role == ROLE_CUSTOMER)
                            ? "staff need a location, customers have none"
                            : NULL;
    if (wrong != NULL) {
        cli_fail("user: %s", wrong);
        return 2;
    }
    char *password = read_password(settings.password_file);
    if (password == NULL) {
        return 2;
    }
    code = add(&settings, &account, password);
    crypto_wipe(password, strlen(password));
    free(password);
    return code;
}
