/* What may be a username and a password. */
#include "model/user.h"

#include <string.h>

#include "base/es_text.h"

enum es_code username_check(const char *username, struct es_err *reterr)
{
    size_t size = strlen(username);
    if (!es_utf8_is_valid(username, size))
        return es_fail_word(reterr, ES_INVALID, "username_invalid", "not UTF-8");
    size_t length = es_utf8_length(username);
    if (length < USERNAME_LENGTH_MIN || length > USERNAME_LENGTH_MAX)
        return es_fail_word(reterr, ES_INVALID, "username_invalid", "%zu characters", length);
    if (es_text_has_control(username))
        return es_fail_word(reterr, ES_INVALID, "username_invalid", "a control character");
    if (username[0] == ' ' || username[size - 1] == ' ')
        return es_fail_word(reterr, ES_INVALID, "username_invalid", "a blank at an end");
    return ES_OK;
}

enum es_code password_check(const char *password, struct es_err *reterr)
{
    size_t size = strlen(password);
    if (size < PASSWORD_BYTES_MIN || size > PASSWORD_BYTES_MAX)
        return es_fail_word(reterr, ES_INVALID, "password_invalid", "%zu bytes", size);
    return ES_OK;
}
