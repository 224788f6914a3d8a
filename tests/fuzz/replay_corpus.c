/* Runs a fuzz target with each input that was kept, without a fuzzer: what it once found stays found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>

#include "fuzz.h"

#define INPUT_BYTES_MAX ((size_t)64 * 1024)

static void run_file(const char *name)
{
    char path[1024];
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);

    assert_non_null(bytes);
    assert_true((size_t)snprintf(path, sizeof(path), "%s/%s", CORPUS_DIR, name) < sizeof(path));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, INPUT_BYTES_MAX, file);
    assert_true(feof(file) || fgetc(file) == EOF);
    fclose(file);
    uint8_t *exact = realloc(bytes, len == 0 ? 1 : len); /* ends where its memory ends */
    assert_non_null(exact);
    print_message("%s\n", name);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void every_input_of_the_corpus_is_survived(void **state)
{
    (void)state;
    DIR *dir = opendir(CORPUS_DIR);
    size_t count = 0;

    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            run_file(entry->d_name);
            count++;
        }
    }
    closedir(dir);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_input_of_the_corpus_is_survived) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
