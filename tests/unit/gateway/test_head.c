/* Heads of requests that two servers in a row may read differently, byte by byte. */
#include "head.h"
#include "zapora/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>

#define HOST "Host: a\r\n"

static const struct { const char *name, *head; bool plain;
} rows[] = {
    { "the plainest", "GET / HTTP/1.1\r\n" HOST "\r\n", true },
    { "HTTP/1.0 with a Host", "GET / HTTP/1.0\r\n" HOST "\r\n", true },
    { "a body of a length", "POST /orders HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", true },
    { "a chunked body", "POST /orders HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true },
    { "no case in names and in chunked", "POST / HTTP/1.1\r\nhOST:a\r\nTRANSFER-encoding:  CHUNKED \r\n\r\n", true },
    { "an empty line before it", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", true },
    { "an empty value", "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", true },
    { "a tab in a value", "GET / HTTP/1.1\r\n" HOST "X: a\tb\r\n\r\n", true },
    { "what follows is the next one's", "GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      true },

    { "no Host", "GET / HTTP/1.1\r\n\r\n", false },
    { "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", false },
    { "two Hosts", "GET / HTTP/1.1\r\n" HOST "Host: b\r\n\r\n", false },
    { "two equal Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", false },
    { "two Content-Lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", false },
    { "two equal Content-Lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", false },
    { "a list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\n", false },
    { "a signed length", "POST / HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\n", false },
    { "a negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -2\r\n\r\n", false },
    { "a hex length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x2\r\n\r\n", false },
    { "an empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", false },
    { "a length with a space inside", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", false },
    { "a length that overflows", "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551618\r\n\r\n", false },
    { "CL.TE", "POST / HTTP/1.1\r\n" HOST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", false },
    { "TE.CL", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG", false },
    { "TE.TE", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", false },
    { "another encoding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", false },
    { "two encodings", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", false },
    { "chunked, more or less", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", false },
    { "identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", false },
    { "a vertical tab before chunked",
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
      "chunked\r\n\r\n",
      false },
    { "chunked on HTTP/1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", false },
    { "a space before the colon", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n", false },
    { "a space before the name", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", false },
    { "a folded value", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", false },
    { "a folded value with a tab", "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", false },
    { "a folded Transfer-Encoding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n", false },
    { "a line without a colon", "GET / HTTP/1.1\r\n" HOST "Nonsense\r\n\r\n", false },
    { "an empty name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", false },
    { "a bare LF behind the request line", "GET / HTTP/1.1\n" HOST "\r\n", false },
    { "a bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", false },
    { "a bare LF as the empty line", "GET / HTTP/1.1\r\n" HOST "\n", false },
    { "a bare CR in a value", "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", false },
    { "a control character in a value", "GET / HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", false },
    { "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", false },
    { "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", false },
    { "no version", "GET /\r\n" HOST "\r\n", false },
    { "two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", false },
    { "a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", false },
    { "a space behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", false },
    { "a tab for a space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", false },
    { "an absolute target", "GET http://a/ HTTP/1.1\r\n" HOST "\r\n", false },
    { "an asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", false },
    { "an authority", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", false },
    { "a method that is no token", "GE@T / HTTP/1.1\r\n" HOST "\r\n", false },
    { "two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", false },
    { "a head that does not end", "GET / HTTP/1.1\r\n" HOST, false },
    { "nothing", "", false },
};

static void each_head_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        size_t len = strlen(rows[i].head);
        char *copy = malloc(len == 0 ? 1 : len); /* exactly as long: a read past the end is reported */
        assert_non_null(copy);
        memcpy(copy, rows[i].head, len);
        const char *why = head_judge((struct text){ copy, len });
        if ((why == NULL) != rows[i].plain) {
            fail_msg("%s: %s", rows[i].name, why == NULL ? "was found plain" : why);
        }
        free(copy);
    }
}

static void a_nul_is_a_control_character(void **state)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    static const char name[] = "GET / HTTP/1.1\r\nHost: a\r\nX\0Y: b\r\n\r\n";
    (void)state;
    assert_non_null(head_judge((struct text){ head, sizeof(head) - 1 }));
    assert_non_null(head_judge((struct text){ name, sizeof(name) - 1 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_is_judged),
        cmocka_unit_test(a_nul_is_a_control_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
