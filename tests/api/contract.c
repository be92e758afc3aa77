/* See contract.h. A violation fails the test that got the answer, and names the member. */
#include "contract.h"

#include <ctype.h>

#include "../unit/test.h"
#include "base/es_auto.h"

struct contract {
    json_t *description;
};

struct contract *contract_open(json_t *description)
{
    struct contract *contract = es_malloc(sizeof(*contract));
    contract->description = description;
    return contract;
}

void contract_close(struct contract *contract)
{
    free(contract);
}

const json_t *contract_resolve(const struct contract *contract, const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    if (!ref)
        return value;
    es_auto_arena arena = { 0 };
    const json_t *at = contract->description;
    for (const char *rest = ref + 2; at && *rest;) {
        size_t size = strcspn(rest, "/");
        at = json_object_get(at, es_strndup(&arena, rest, size));
        rest += size + (rest[size] == '/');
    }
    if (!at)
        fail_msg("%s leads nowhere", ref);
    return at;
}

/* ---- which operation ---- */

static bool matches(const char *template, const char *path)
{
    for (; *template; template ++, path++) {
        if (*template == '{') {
            template = strchr(template, '}');
            size_t size = strcspn(path, "/?");
            if (size == 0)
                return false;
            path += size - 1;
        } else if (*template != *path) {
            return false;
        }
    }
    return !*path || *path == '?';
}

const char *contract_template(const struct contract *contract, const char *path)
{
    const char *template, *found = NULL;
    json_t *item;
    json_object_foreach(json_object_get(contract->description, "paths"), template, item)
    {
        /* A literal path wins over one with a name, as in the router. */
        if (matches(template, path) && (!found || !strchr(template, '{')))
            found = template;
    }
    return found;
}

const json_t *contract_operation(const struct contract *contract, const char *method,
                                 const char *template)
{
    char lower[16] = "";
    for (size_t i = 0; method[i] && i < sizeof(lower) - 1; i++)
        lower[i] = (char)tolower((unsigned char)method[i]);
    if (strcmp(lower, "head") == 0)
        return contract_operation(contract, "GET", template);
    return json_object_get(
        json_object_get(json_object_get(contract->description, "paths"), template), lower);
}

/* ---- shapes ---- */

static bool is_of_type(const json_t *value, const char *type)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    return strcmp(type, "null") == 0 && json_is_null(value);
}

static void check_type(const json_t *value, const json_t *type, const char *where)
{
    bool is_right = !type;
    if (json_is_string(type))
        is_right = is_of_type(value, json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++)
        is_right |= is_of_type(value, json_string_value(json_array_get(type, i)));
    if (!is_right)
        fail_msg("%s is of another type than described", where);
}

static void check_value(const struct contract *contract, const json_t *value,
                        const json_t *schema_or_ref, const char *where);

static void check_object(const struct contract *contract, const json_t *value, const json_t *schema,
                         const char *where)
{
    es_auto_arena arena = { 0 };
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!json_object_get(value, name))
            fail_msg("%s.%s is missing", where, name);
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member)
    {
        const json_t *described = json_object_get(properties, name);
        if (!described && json_is_object(others))
            described = others;
        if (!described && (properties || json_is_false(others)))
            fail_msg("%s.%s is not described", where, name);
        if (described)
            check_value(contract, member, described, es_printf(&arena, "%s.%s", where, name));
    }
}

static void check_value(const struct contract *contract, const json_t *value,
                        const json_t *schema_or_ref, const char *where)
{
    const json_t *schema = contract_resolve(contract, schema_or_ref);
    check_type(value, json_object_get(schema, "type"), where);
    const json_t *constant = json_object_get(schema, "const");
    if (constant && !json_equal(value, constant))
        fail_msg("%s is not the described constant", where);
    const json_t *choices = json_object_get(schema, "enum");
    bool is_choice = !choices;
    for (size_t i = 0; i < json_array_size(choices); i++)
        is_choice |= json_equal(value, json_array_get(choices, i)) == 1;
    if (!is_choice)
        fail_msg("%s is none of the described values", where);
    if (json_is_object(value))
        check_object(contract, value, schema, where);
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; items && i < json_array_size(value); i++)
        check_value(contract, json_array_get(value, i), items, where);
}

/* ---- answers ---- */

static const json_t *find_schema(const struct contract *contract, const json_t *content,
                                 const char *type)
{
    char bare[64] = "";
    snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(type, "; "), type);
    const json_t *media = json_object_get(content, bare);
    if (!media)
        media = json_object_get(content, "*/*");
    if (!media)
        fail_msg("a body of type %s is not described", type);
    return contract_resolve(contract, json_object_get(media, "schema"));
}

void contract_check(const struct contract *contract, const char *method, const char *path,
                    int status, const char *content_type, const json_t *json)
{
    es_auto_arena arena = { 0 };
    const char *template = contract_template(contract, path);
    const json_t *operation = template ? contract_operation(contract, method, template) : NULL;
    if (!operation)
        return;
    const char *where = es_printf(&arena, "%s %s %d", method, template, status);
    const json_t *responses = json_object_get(operation, "responses");
    const json_t *response = json_object_get(responses, es_printf(&arena, "%d", status));
    if (!response) {
        if (status < 400)
            fail_msg("%s is not described", where);
        response = json_object_get(responses, "default");
    }
    const json_t *content = json_object_get(contract_resolve(contract, response), "content");
    if (!content_type || strcmp(method, "HEAD") == 0)
        return;
    const json_t *schema = find_schema(contract, content, content_type);
    if (json)
        check_value(contract, json, schema, where);
}
