/* What was freed goes back to the kernel: the end of a thread's heap by itself, holes between what is in use when it is
 * trimmed. */
#include "support.h"

#include <pthread.h>

#define PIECE_BYTES ((size_t)64 * 1024) /* below what malloc maps on its own, which always goes back */
#define PIECES 384
#define MB (1024.0 * 1024.0)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MALLOC_IS_GLIBC false /* the sanitizers bring their own */
#else
#define MALLOC_IS_GLIBC true
#endif

static double resident_mb(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %ld", &pages), 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / MB;
}

/* Takes 24 MB in pieces and frees them, all or each that is not a multiple of `kept`. */
struct wave {
    size_t kept;
    double before_mb, high_mb, after_mb, trimmed_mb;
};

static void *come_and_go(void *arg)
{
    struct wave *wave = arg;
    char *pieces[PIECES];
    free(malloc(1)); /* the thread has its heap */
    wave->before_mb = resident_mb();
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = malloc(PIECE_BYTES);
        assert_non_null(pieces[i]);
        memset(pieces[i], 1, PIECE_BYTES);
    }
    wave->high_mb = resident_mb();
    for (size_t i = PIECES; i-- > 0;) {
        if (wave->kept == 0 || (i + 1) % wave->kept != 0) {
            free(pieces[i]);
        }
    }
    wave->after_mb = resident_mb();
    heap_trim();
    wave->trimmed_mb = resident_mb();
    for (size_t i = 0; wave->kept > 0 && i < PIECES; i++) {
        if ((i + 1) % wave->kept == 0) {
            assert_int_equal(pieces[i][PIECE_BYTES - 1], 1);
            free(pieces[i]);
        }
    }
    return NULL;
}

static struct wave wave_of(size_t kept)
{
    struct wave wave = { .kept = kept };
    pthread_t thread;
    if (!MALLOC_IS_GLIBC) {
        skip();
    }
    assert_int_equal(pthread_create(&thread, NULL, come_and_go, &wave), 0);
    pthread_join(thread, NULL);
    assert_true(wave.high_mb > wave.before_mb + 22);
    return wave;
}

static void the_end_of_a_threads_heap_goes_back_by_itself(void **state)
{
    (void)state;
    struct wave wave = wave_of(0);
    assert_true(wave.after_mb < wave.before_mb + 2);
}

static void holes_go_back_when_the_heap_is_trimmed(void **state)
{
    (void)state;
    struct wave wave = wave_of(64); /* of 384 pieces 6 are kept, the last one among them */
    assert_true(wave.after_mb > wave.before_mb + 22);
    assert_true(wave.trimmed_mb < wave.before_mb + 2);
}

int main(void)
{
    heap_settle();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_threads_heap_goes_back_by_itself),
        cmocka_unit_test(holes_go_back_when_the_heap_is_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
