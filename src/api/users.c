/* The other users, to share with. */
#include "api/api_route.h"
#include "service/accounts.h"

#define PREFIX_BYTES_MAX 256

static const struct api_field list_fields[] = {
    { "q", API_FROM_QUERY, API_TEXT, .max = PREFIX_BYTES_MAX }, API_FIELDS_LIST, { 0 }
};

static enum es_code handle_list(struct api_call *call, struct es_err *reterr)
{
    struct user *users;
    size_t count;
    const char *next;
    enum es_code code =
        accounts_list(call->services, call->caller, api_text(call, "q"), api_text(call, "cursor"),
                      (size_t)api_integer(call, "limit", API_LIST_DEFAULT), call->arena, &users,
                      &count, &next, reterr);
    if (code != ES_OK)
        return code;
    json_t *reply = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *user = json_object();
        json_put_text(user, "id", users[i].id);
        json_put_text(user, "username", users[i].username);
        json_array_append_new(reply, user);
    }
    api_add_next_link(call, next);
    api_reply_json(call, 200, reply);
    return ES_OK;
}

const struct api_route user_routes[] = {
    { "GET", "/users", handle_list, .auth = API_AUTH_USER, .fields = list_fields }, { 0 }
};
