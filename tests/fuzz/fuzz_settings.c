/* Any bytes as a settings' file and as flags. The input's first lines, up to an empty one, are flags; the rest is the
 * file. Whatever it is, a fault is told in words and nothing is half written. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#define FLAGS_MAX 8

struct role { const char *listen; int64_t threads; bool chatty; };

static const struct setting table[] = {
    { "fuzz_chatty", SETTING_BOOL, "false", 0, 0, offsetof(struct role, chatty), "Says more." },
    { "fuzz_listen", SETTING_STR, NULL, 3, 20, offsetof(struct role, listen), "Where to listen." },
    { "fuzz_threads", SETTING_INT, "2", 1, 64, offsetof(struct role, threads), "How many." },
};

/* The flags of the input, NUL-terminated in place. Help prints, and another file is none of this test's. */
static int take_flags(char **rest, char *argv[])
{
    int argc = 0;
    while (*rest != NULL && **rest != '\n' && **rest != '\0' && argc < FLAGS_MAX) {
        char *word = strsep(rest, "\n");
        if (strcmp(word, "-h") != 0 && strncmp(word, "--help", 6) != 0 && strncmp(word, "--config", 8) != 0) {
            argv[argc++] = word;
        }
    }
    if (*rest != NULL && **rest == '\n') {
        (*rest)++;
    }
    return argc;
}

static void load(int argc, char **argv)
{
    const struct role untouched = { "before", -7, true };
    struct role role = untouched;
    char *said = NULL, *args[3];
    size_t said_len = 0;
    bool help = true;
    FILE *words = open_memstream(&said, &said_len);
    MUST(words != NULL);
    enum zp_err err = config_load("usage", table, ZP_COUNT(table), argc, argv, &role, words, args, 2, &help);
    MUST(fclose(words) == 0 && !help);
    if (err == ZP_OK) {
        MUST(said_len == 0 && role.threads >= 1 && role.threads <= 64);
        MUST(strlen(role.listen) >= 3 && strlen(role.listen) <= 20);
    } else {
        MUST(err == ZP_INVALID && said_len > 0 && said[said_len - 1] == '\n');
        MUST(memcmp(&role, &untouched, sizeof(role)) == 0);
    }
    free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[48], *argv[FLAGS_MAX + 3] = { "--config", path }, *text = malloc(size + 1), *rest = text;
    int fd = memfd_create("settings", MFD_CLOEXEC);
    MUST(text != NULL && fd >= 0);
    memcpy(text, data, size);
    text[size] = '\0';
    int argc = 2 + take_flags(&rest, argv + 2);
    size_t len = rest == NULL ? 0 : size - (size_t)(rest - text);
    MUST(write(fd, rest == NULL ? "" : rest, len) == (ssize_t)len);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    load(argc, argv);
    (void)close(fd);
    free(text);
    return 0;
}
