/* support: what the tests of store share. No server is needed here. */
#ifndef TESTS_STORE_UNIT_SUPPORT_H
#define TESTS_STORE_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "zapora/store.h"

#define BYTES(literal) { .data = (literal), .len = sizeof(literal) - 1 }

#endif
