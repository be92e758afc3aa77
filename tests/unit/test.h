/* cmocka with what it wants included first. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails the test with the error's own words. */
#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        if ((call) != ES_OK)                                                                       \
            fail_msg("%s: %s (%s)", #call, (err).detail, es_code_name((err).code));                \
    } while (0)

#endif
