/* support: what the tests of base share: output caught in a file, functions that are meant to end the process. */
#ifndef ZAPORA_TEST_BASE_SUPPORT_H
#define ZAPORA_TEST_BASE_SUPPORT_H

#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "zapora/base.h"

/* A descriptor of this process that writes into memory for a while. */
struct caught {
    int fd;    /* the one that is caught */
    int saved; /* where it led before */
    int memory;
};

static inline struct caught catch_begin(int fd)
{
    struct caught caught = { .fd = fd, .saved = dup(fd), .memory = memfd_create("caught", MFD_CLOEXEC) };
    assert_true(caught.saved >= 0 && caught.memory >= 0);
    assert_int_equal(dup2(caught.memory, fd), fd);
    return caught;
}

/* Gives what was written, NUL-terminated; the caller frees it. */
static inline char *catch_end(struct caught *caught)
{
    dup2(caught->saved, caught->fd);
    close(caught->saved);
    off_t size = lseek(caught->memory, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(caught->memory, text, (size_t)size, 0), size);
    close(caught->memory);
    return text;
}

/* Runs a function in a child, which must end by abort() and say `words` on stderr. */
static inline void assert_panics(void (*function)(void), const char *words)
{
    struct caught caught = catch_begin(STDERR_FILENO);
    pid_t child = fork();
    if (child == 0) {
        function();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    char *text = catch_end(&caught);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, words));
    free(text);
}

#endif
