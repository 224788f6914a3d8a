/* zapora: one program, several roles. Owns the table of subcommands. */
#include "commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} subcommands[] = {
    /* sorted by name */
    { "archive", cli_archive, "moves orders that were closed long ago out of the way of the others" },
    { "dead-letters", cli_dead_letters, "lists what was parked, redrives it, or notes that it is settled" },
    { "gateway", cli_gateway, "answers the apps: HTTP in, commands to Kafka, answers and streams back" },
    { "help", help, "this page" },
    { "menu", cli_menu, "publishes a restaurant's settings and menu from a file" },
    { "migrate", cli_migrate, "brings the database's schema up to date" },
    { "partitions", cli_partitions, "compares what the database knows of the logs with the logs, and accepts them" },
    { "rebuild", cli_rebuild, "makes Redis anew from the database, or the database from the log" },
    { "replay", cli_replay, "prints what a topic holds, one object a line" },
    { "topics", cli_topics, "compares the topics with their files, and applies them" },
    { "user", cli_user, "adds users" },
    { "verify", cli_verify, "folds the log and compares it with the database, and the database with Redis" },
    { "version", version, "the program's version" },
    { "worker", cli_worker, "applies commands: Kafka to PostgreSQL, then to the log and to Redis" },
};

static void print_subcommands(FILE *out)
{
    fprintf(out, "usage: zapora SUBCOMMAND [--name value …]\n\n");
    for (size_t i = 0; i < ZP_COUNT(subcommands); i++) {
        fprintf(out, "  %-12s  %s\n", subcommands[i].name, subcommands[i].help);
    }
    fprintf(
        out,
        "\nzapora SUBCOMMAND --help prints its settings. Each is a flag, a ZAPORA_… environment variable or a line "
        "of the file\n"
        "that --config names; a flag wins over the environment, the environment over the file. Data goes to stdout, "
        "words\n"
        "to stderr. Exit codes: 0 done, 1 failed, 2 called wrongly.\n");
}

static int help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_subcommands(stdout);
    return 0;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("zapora " ZAPORA_VERSION);
    return 0;
}

bool cli_load(const char *usage, const struct setting *rows, size_t count, int argc, char **argv, void *target,
              char **ret_words, size_t words_max, int *ret_code)
{
    bool wants_help = false;
    if (config_load(usage, rows, count, argc, argv, target, stderr, ret_words, words_max, &wants_help) != ZP_OK) {
        *ret_code = 2;
        return false;
    }
    *ret_code = 0;
    return !wants_help;
}

int cli_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("zapora: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}

bool cli_learn_partitions(const char *kafka, const char *topic)
{
    char why[BUS_WHY_SIZE] = "";
    return bus_partitions_learn(kafka, topic, why) == ZP_OK || cli_fail("%s", why) == 0;
}

char *cli_read_file(const char *path, size_t max_bytes, size_t *ret_len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = malloc(max_bytes + 2);
    size_t len = text == NULL ? 0 : fread(text, 1, max_bytes + 1, file);
    int failed = text == NULL ? ENOMEM : ferror(file) ? EIO : len > max_bytes ? EFBIG : 0;
    if (file != stdin) {
        fclose(file);
    }
    if (failed != 0) {
        free(text);
        errno = failed;
        return NULL;
    }
    text[len] = '\0';
    *ret_len = len;
    return text;
}

int main(int argc, char **argv)
{
    heap_settle();
    crypto_start();
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < ZP_COUNT(subcommands); i++) {
        if (strcmp(subcommands[i].name, name) == 0) {
            return subcommands[i].run(argc - 2, argv + 2);
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help(0, NULL);
    }
    fprintf(stderr, "zapora: %s%s\n\n", name[0] == '\0' ? "a subcommand is missing" : "no such subcommand: ", name);
    print_subcommands(stderr);
    return 2;
}
