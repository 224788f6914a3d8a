/* Settings: which source wins, and what is said about each wrong one. */
#include "support.h"

struct role {
    const char *kafka;
    const char *key_file;
    int64_t ops_port;
    bool verbose;
};

static const struct setting table[] = {
    { "kafka", SETTING_STR, NULL, 3, 20, offsetof(struct role, kafka), "Brokers, host:port." },
    { "key_file", SETTING_FILE, "", 0, 0, offsetof(struct role, key_file), "A file with a key." },
    { "ops_port", SETTING_INT, "9100", 0, 65535, offsetof(struct role, ops_port), "Port of the operations listener." },
    { "verbose", SETTING_BOOL, "false", 0, 0, offsetof(struct role, verbose), "Says more." },
};

static char path[] = "/tmp/zapora-config-XXXXXX"; /* the file named in the cases below */

#define ARGS_MAX 2
#define WORDS_MAX 6
#define FLAGS(...) ((const char *const[WORDS_MAX]){ __VA_ARGS__ })

/* What the rows of the table allow. */
#define BROKERS "; allowed: text of 3 to 20 bytes\n"
#define PATHS "; allowed: the path of a file that can be read\n"
#define PORTS "; allowed: a whole number from 0 to 65535\n"

/* One call: flags, one line of environment ("NAME=value"), the file's text; then what came of it. */
struct loaded {
    enum zp_err err;
    struct role role;
    char *args[ARGS_MAX + 1]; /* words and the NULL */
    bool help;
    char words[2000];
};

static void put_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct loaded load(const char *const flags[WORDS_MAX], const char *variable, const char *file)
{
    struct loaded loaded = { .role = { .kafka = "untouched", .ops_port = -7 } };
    char *argv[WORDS_MAX + 3];
    int argc = 0;
    for (int i = 0; flags != NULL && i < WORDS_MAX && flags[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)flags[i];
    }
    if (file != NULL) {
        put_file(file, strlen(file));
        argv[argc++] = "--config";
        argv[argc++] = path;
    }
    char *name = NULL;
    if (variable != NULL) {
        name = strdup(variable);
        char *equals = strchr(name, '=');
        *equals = '\0';
        setenv(name, equals + 1, 1);
    }
    FILE *words = fmemopen(loaded.words, sizeof(loaded.words) - 1, "w");
    assert_non_null(words);
    loaded.err = config_load("usage", table, ZP_COUNT(table), argc, argv, &loaded.role, words, loaded.args, ARGS_MAX,
                             &loaded.help);
    fclose(words);
    if (name != NULL) {
        unsetenv(name);
        free(name);
    }
    return loaded;
}

static void the_stronger_source_wins(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *flags[WORDS_MAX];
        const char *variable, *file;
        int64_t want;
    } rows[] = {
        { "the default", { NULL }, NULL, NULL, 9100 },
        { "the file", { NULL }, NULL, "ops_port = 1\n", 1 },
        { "the environment", { NULL }, "ZAPORA_OPS_PORT=2", NULL, 2 },
        { "a flag", { "--ops-port", "3" }, NULL, NULL, 3 },
        { "a flag with =", { "--ops-port=4" }, NULL, NULL, 4 },
        { "the environment over the file", { NULL }, "ZAPORA_OPS_PORT=2", "ops_port = 1", 2 },
        { "a flag over the environment", { "--ops-port", "3" }, "ZAPORA_OPS_PORT=2", "ops_port = 1", 3 },
        { "a flag over a bad file", { "--ops-port", "3" }, NULL, "ops_port = many", 3 },
        { "the last of two flags", { "--ops-port", "3", "--ops-port=5" }, NULL, NULL, 5 },
        { "the least", { "--ops-port=0" }, NULL, NULL, 0 },
        { "the most", { "--ops-port=65535" }, NULL, NULL, 65535 },
        { "foreign variables", { NULL }, "ZAPORA_DEMO_LOCATION=x", NULL, 9100 },
        { "a file with everything", { NULL }, NULL, "# ports\n\n  ops_port\t=  17  \r\nverbose=on\n#kafka = x", 17 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        const char *flags[WORDS_MAX] = { "--kafka=h:1" };
        memcpy(&flags[1], rows[i].flags, sizeof(flags) - sizeof(flags[0]));
        struct loaded loaded = load(flags, rows[i].variable, rows[i].file);
        if (loaded.err != ZP_OK || loaded.role.ops_port != rows[i].want || loaded.words[0] != '\0') {
            fail_msg("%s: %s", rows[i].name, loaded.words);
        }
    }
}

/* A setting that is wrong says which, where from, why, and what is allowed; and the struct stays as it was. */
static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *flags[WORDS_MAX];
        const char *variable, *file;
        const char *want;
    } rows[] = {
        { { NULL }, NULL, NULL,
          "kafka: required and not set (flag --kafka, environment ZAPORA_KAFKA or the file)" BROKERS },
        { { "--kafka=ab" }, NULL, NULL, "kafka (flag --kafka): it has 2 bytes" BROKERS },
        { { "--kafka=" }, NULL, NULL, "kafka (flag --kafka): it has 0 bytes" BROKERS },
        { { NULL }, "ZAPORA_KAFKA=user:secret@far.too.long.a.host:9092", NULL,
          "kafka (environment ZAPORA_KAFKA): it has 36 bytes" BROKERS },
        { { "--kafka=h:1", "--ops-port=70000" }, NULL, NULL,
          "ops_port (flag --ops-port): 70000 is out of range" PORTS },
        { { "--kafka=h:1", "--ops-port=65536" }, NULL, NULL,
          "ops_port (flag --ops-port): 65536 is out of range" PORTS },
        { { "--kafka=h:1", "--ops-port", "-1" }, NULL, NULL,
          "ops_port (flag --ops-port): -1 is out of range" PORTS },
        { { "--kafka=h:1" }, "ZAPORA_OPS_PORT=99999999999999999999", NULL,
          "ops_port (environment ZAPORA_OPS_PORT): 99999999999999999999 is out of range" PORTS },
        { { "--kafka=h:1" }, "ZAPORA_OPS_PORT=", NULL,
          "ops_port (environment ZAPORA_OPS_PORT): \"\" is not a whole number" PORTS },
        { { "--kafka=h:1", "--verbose=yes" }, NULL, NULL,
          "verbose (flag --verbose): \"yes\" is neither true nor false; allowed: true, false, on, off, 1, 0\n" },
        { { "--kafka=h:1", "--key-file=/no/such/file" }, NULL, NULL,
          "key_file (flag --key-file): /no/such/file cannot be read: No such file or directory" PATHS },
        { { "--kafka=h:1", "--key-file=/tmp" }, NULL, NULL,
          "key_file (flag --key-file): /tmp cannot be read: Is a directory" PATHS },
        { { "--kafka=h:1", "--ops-prot=1" }, NULL, NULL, "unknown flag --ops-prot; did you mean --ops-port?\n" },
        { { "--kafka=h:1", "--ops_port=1" }, NULL, NULL, "unknown flag --ops_port; did you mean --ops-port?\n" },
        { { "--kafka=h:1", "--elsewhere" }, NULL, NULL, "unknown flag --elsewhere; --help lists the flags\n" },
        { { "--kafka=h:1", "-v" }, NULL, NULL, "unknown flag -v; flags begin with two dashes\n" },
        { { "--kafka=h:1", "--ops-port" }, NULL, NULL, "--ops-port needs a value\n" },
        { { "--kafka=h:1", "--ops-port", "--verbose" }, NULL, NULL, "--ops-port needs a value\n" },
        { { "--kafka=h:1", "--config" }, NULL, NULL, "--config needs a value\n" },
        { { "--kafka=h:1", "a", "b", "c" }, NULL, NULL, "one word too many: \"c\"\n" },
        { { "--kafka=h:1" }, "ZAPORA_CONFIG=/no/such/file", NULL,
          "the settings' file \"/no/such/file\" cannot be read: No such file or directory\n" },
        { { "--kafka=h:1", "--config=/tmp" }, NULL, NULL,
          "the settings' file \"/tmp\" cannot be read: Is a directory\n" },
        { { "--kafka=h:1" }, NULL, "\nops_port = 1x\n",
          "ops_port (file %:2): \"1x\" is not a whole number" PORTS },
        { { "--kafka=h:1" }, NULL, "ops_ports = 1",
          "file %:1: unknown setting \"ops_ports\"; did you mean ops_port?\n" },
        { { "--kafka=h:1" }, NULL, "something = 1", "file %:1: unknown setting \"something\"\n" },
        { { "--kafka=h:1" }, NULL, "# x\nops_port 1", "file %:2: not of the form \"name = value\"\n" },
        { { "--kafka=h:1" }, NULL, "= 1", "file %:1: unknown setting \"\"\n" },
        { { "--kafka=h:1" }, NULL, "ops_port=1\nops_port=2",
          "file %:2: ops_port was already set in line 1\n" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        char want[300]; /* a % stands for the file's path, which is another one each time */
        const char *mark = strchr(rows[i].want, '%');
        snprintf(want, sizeof(want), "%.*s%s%s", mark == NULL ? 0 : (int)(mark - rows[i].want), rows[i].want,
                 mark == NULL ? "" : path, mark == NULL ? rows[i].want : mark + 1);
        struct loaded loaded = load(rows[i].flags, rows[i].variable, rows[i].file);
        assert_string_equal(loaded.words, want);
        assert_int_equal(loaded.err, ZP_INVALID);
        assert_string_equal(loaded.role.kafka, "untouched");
        assert_int_equal(loaded.role.ops_port, -7);
    }
}

static void all_faults_are_said(void **state)
{
    (void)state;
    struct loaded loaded = load(FLAGS("--verbos", "--ops-port=x", "--key-file=/no"), NULL, "a = 1\nb");
    assert_int_equal(loaded.err, ZP_INVALID);
    int lines = 0;
    for (const char *at = loaded.words; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    assert_int_equal(lines, 6); /* --verbos, a, b, kafka, ops_port, key_file */
}

static void integers_are_strict(void **state)
{
    (void)state;
    static const char *const texts[] = { "1x", " 1", "1 ", "+1", "0x10", "1e3", "1.0", "--1", "-", "1,000", "９" };
    for (size_t i = 0; i < ZP_COUNT(texts); i++) {
        char flag[64];
        snprintf(flag, sizeof(flag), "--ops-port=%s", texts[i]);
        struct loaded loaded = load(FLAGS("--kafka=h:1", flag), NULL, NULL);
        assert_int_equal(loaded.err, ZP_INVALID);
        assert_non_null(strstr(loaded.words, "is not a whole number"));
    }
}

static void booleans_take_six_words_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *flags[WORDS_MAX];
        bool want;
        const char *arg;
    } rows[] = {
        { { "--verbose" }, true, NULL },
        { { "--verbose=true" }, true, NULL },
        { { "--verbose=on" }, true, NULL },
        { { "--verbose=1" }, true, NULL },
        { { "--verbose=0" }, false, NULL },
        { { "--verbose=off" }, false, NULL },
        { { "--verbose=false" }, false, NULL },
        { { "--verbose", "off" }, false, NULL },
        { { "--verbose", "a" }, true, "a" },
        { { "a", "--verbose" }, true, "a" },
        { { "--verbose", "--ops-port=1" }, true, NULL },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct loaded loaded = load(rows[i].flags, "ZAPORA_KAFKA=h:1", NULL);
        assert_int_equal(loaded.err, ZP_OK);
        assert_int_equal(loaded.role.verbose, rows[i].want);
        assert_true((loaded.args[0] == NULL) == (rows[i].arg == NULL));
        assert_true(rows[i].arg == NULL || strcmp(loaded.args[0], rows[i].arg) == 0);
    }
}

static void words_are_handed_on(void **state)
{
    (void)state;
    struct loaded loaded = load(FLAGS("apply", "--kafka", "h:1", "--", "--verbose"), NULL, NULL);
    assert_int_equal(loaded.err, ZP_OK);
    assert_string_equal(loaded.args[0], "apply");
    assert_string_equal(loaded.args[1], "--verbose");
    assert_null(loaded.args[2]);
    assert_false(loaded.role.verbose);
    loaded = load(FLAGS("-", "--kafka=h:1"), NULL, NULL);
    assert_string_equal(loaded.args[0], "-");
    loaded = load(FLAGS("--kafka=h:1"), NULL, NULL);
    assert_null(loaded.args[0]);
}

static void a_role_without_words_takes_none(void **state)
{
    (void)state;
    struct role role;
    bool help;
    char *argv[] = { "--kafka=h:1", "word" };
    char words[200] = "";
    FILE *out = fmemopen(words, sizeof(words) - 1, "w");
    assert_int_equal(config_load("u", table, ZP_COUNT(table), 2, argv, &role, out, NULL, 0, &help), ZP_INVALID);
    fclose(out);
    assert_string_equal(words, "one word too many: \"word\"\n");
}

static void texts_outlive_their_sources(void **state)
{
    (void)state;
    struct loaded loaded = load(NULL, "ZAPORA_KAFKA=from-the-env", NULL);
    assert_string_equal(loaded.role.kafka, "from-the-env");
    loaded = load(NULL, NULL, "kafka = a#b = c \n");
    put_file("", 0);
    assert_string_equal(loaded.role.kafka, "a#b = c");
    assert_string_equal(loaded.role.key_file, "");
    char flag[64];
    snprintf(flag, sizeof(flag), "--key-file=%s", path);
    loaded = load(FLAGS("--kafka=h:1", flag), NULL, NULL);
    memset(flag, 'x', sizeof(flag) - 1);
    assert_string_equal(loaded.role.key_file, path);
}

static void a_file_that_is_no_text_is_refused(void **state)
{
    (void)state;
    char variable[64];
    snprintf(variable, sizeof(variable), "ZAPORA_CONFIG=%s", path);
    put_file("kafka = h:1\n\0", 13);
    struct loaded loaded = load(NULL, variable, NULL);
    assert_non_null(strstr(loaded.words, "holds a NUL byte"));
    char *big = malloc(65537);
    assert_non_null(big);
    memset(big, '#', 65537);
    put_file(big, 65537);
    loaded = load(NULL, variable, NULL);
    assert_non_null(strstr(loaded.words, "cannot be read: longer than 65536 bytes"));
    put_file(big, 65536);
    loaded = load(FLAGS("--kafka=h:1"), variable, NULL);
    assert_int_equal(loaded.err, ZP_OK);
    free(big);
}

static void help_prints_the_reference(void **state)
{
    (void)state;
    struct caught caught = catch_begin(STDOUT_FILENO);
    struct loaded loaded = load(FLAGS("--nonsense", "--help"), "ZAPORA_OPS_PORT=bad", NULL);
    fflush(stdout);
    char *text = catch_end(&caught);
    assert_int_equal(loaded.err, ZP_OK);
    assert_true(loaded.help);
    assert_string_equal(loaded.role.kafka, "untouched");
    static const char want[] =
        "usage\n\nSettings, from weakest to strongest: default, file, environment, flag.\n\n"
        "  --config FILE  ZAPORA_CONFIG\n      Lines of \"name = value\"; # begins a comment. Default: none.\n"
        "  --help\n      Prints this.\n"
        "  --kafka TEXT  ZAPORA_KAFKA\n      Brokers, host:port.\n      Required. Allowed: text of 3 to 20 bytes.\n"
        "  --key-file FILE  ZAPORA_KEY_FILE\n      A file with a key.\n"
        "      Default: none. Allowed: the path of a file that can be read.\n"
        "  --ops-port NUMBER  ZAPORA_OPS_PORT\n      Port of the operations listener.\n"
        "      Default: 9100. Allowed: a whole number from 0 to 65535.\n"
        "  --verbose[=BOOL]  ZAPORA_VERBOSE\n      Says more.\n"
        "      Default: false. Allowed: true, false, on, off, 1, 0.\n";
    assert_string_equal(text, want);
    free(text);
}

static void load_unsorted_rows(void)
{
    static const struct setting rows[] = {
        { "b", SETTING_BOOL, "on", 0, 0, 0, "B." },
        { "a", SETTING_BOOL, "on", 0, 0, 0, "A." },
    };
    bool target, help;
    enum zp_err err = config_load("u", rows, 2, 0, NULL, &target, stderr, NULL, 0, &help);
    (void)err;
}

static void wrong_rows_are_our_own_bug(void **state)
{
    (void)state;
    assert_panics(load_unsorted_rows, "assertion failed");
}

static void keys_are_read_as_they_are(void **state)
{
    (void)state;
    uint8_t *key = NULL;
    size_t len = 0;
    char why[200] = "";
    put_file("0123456789\0abc\n", 15);
    assert_int_equal(config_read_key(path, 15, 15, &key, &len, why, sizeof(why)), ZP_OK);
    assert_int_equal(len, 15);
    assert_memory_equal(key, "0123456789\0abc\n", 15);
    free(key);
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t min, max;
        const char *want;
    } rows[] = {
        { "/no/such/key", 1, 10, "the key file /no/such/key cannot be read: No such file or directory" },
        { "/tmp", 1, 10, "the key file /tmp cannot be read: Is a directory" },
        { path, 16, 64, "has 15 bytes; allowed: 16 to 64" },
        { path, 1, 14, "cannot be read: longer than 14 bytes" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        uint8_t *key = NULL;
        size_t len = 77;
        char why[200] = "";
        enum zp_err err = config_read_key(rows[i].path, rows[i].min, rows[i].max, &key, &len, why, sizeof(why));
        assert_int_equal(err, ZP_INVALID);
        assert_null(key);
        assert_int_equal(len, 77);
        assert_non_null(strstr(why, rows[i].want));
    }
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(all_faults_are_said),
        cmocka_unit_test(integers_are_strict),
        cmocka_unit_test(booleans_take_six_words_or_none),
        cmocka_unit_test(words_are_handed_on),
        cmocka_unit_test(a_role_without_words_takes_none),
        cmocka_unit_test(texts_outlive_their_sources),
        cmocka_unit_test(a_file_that_is_no_text_is_refused),
        cmocka_unit_test(help_prints_the_reference),
        cmocka_unit_test(wrong_rows_are_our_own_bug),
        cmocka_unit_test(keys_are_read_as_they_are),
        cmocka_unit_test(other_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
