/* docs/openapi.yaml and the tables of routes say the same, each way round. */
#include <strings.h>

#include "../unit/test.h"
#include "api/api_route.h"
#include "contract.h"
#include "fixture.h"

static json_t *description;
static struct contract *contract;

static int setup(void **state)
{
    struct fixture *fixture = fixture_open(NULL, NULL);
    description = get(fixture, "/openapi.json", NULL)->json;
    contract = contract_open(description);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    contract_close(contract);
    fixture_close(*state);
    return 0;
}

/* Calls `visit` for each documented route of the tables. */
static void each_route(void (*visit)(const struct api_route *route, const json_t *operation,
                                     const char *where))
{
    es_auto_arena arena = { 0 };
    for (const struct api_route *const *table = api_tables; *table; table++)
        for (const struct api_route *route = *table; route->method; route++) {
            if (route->is_page)
                continue;
            const char *where = es_printf(&arena, "%s %s", route->method, route->pattern);
            const json_t *operation = contract_operation(contract, route->method, route->pattern);
            if (!operation)
                fail_msg("%s is not described", where);
            visit(route, operation, where);
        }
}

static void check_nothing(const struct api_route *route, const json_t *operation, const char *where)
{
    (void)route, (void)operation, (void)where;
}

static const struct api_route *find_route(const char *method, const char *pattern)
{
    for (const struct api_route *const *table = api_tables; *table; table++)
        for (const struct api_route *route = *table; route->method; route++)
            if (strcasecmp(route->method, method) == 0 && strcmp(route->pattern, pattern) == 0)
                return route;
    return NULL;
}

static void every_route_is_described_and_every_description_has_a_route(void **state)
{
    (void)state;
    each_route(check_nothing);
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(json_object_get(description, "paths"), path, item) json_object_foreach(
        item, method, operation) if (strcmp(method, "parameters") != 0 && !find_route(method, path))
        fail_msg("%s %s has no route", method, path);
}

/* ---- fields ---- */

static const char *place_of(enum api_from from)
{
    switch (from) {
    case API_FROM_PATH:
        return "path";
    case API_FROM_QUERY:
        return "query";
    case API_FROM_HEADER:
        return "header";
    case API_FROM_BODY:
    case API_FROM_UNSET:
        break;
    }
    return "body";
}

static const json_t *find_parameter(const json_t *parameters, const char *name, const char *place)
{
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = contract_resolve(contract, json_array_get(parameters, i));
        if (strcmp(json_member_string(parameter, "name", ""), name) == 0 &&
            strcmp(json_member_string(parameter, "in", ""), place) == 0)
            return parameter;
    }
    return NULL;
}

static const json_t *shared_parameters(const struct api_route *route)
{
    const json_t *item = json_object_get(json_object_get(description, "paths"), route->pattern);
    return json_object_get(item, "parameters");
}

/* The schema of the body, which must be the same for each content type. */
static const json_t *body_schema(const json_t *operation)
{
    const json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
    const json_t *first = NULL;
    const char *type;
    json_t *media;
    json_object_foreach((json_t *)content, type, media)
    {
        const json_t *schema = json_object_get(media, "schema");
        if (first && !json_equal(first, schema))
            fail_msg("the body as %s is described otherwise", type);
        first = schema;
    }
    return first ? contract_resolve(contract, first) : NULL;
}

static void check_limits(const struct api_field *field, const json_t *schema, const char *where)
{
    static const char *const types[] = { [API_TEXT] = "string",
                                         [API_ID] = "string",
                                         [API_INTEGER] = "integer",
                                         [API_CHOICE] = "string",
                                         [API_OBJECT] = "object" };
    assert_string_equal(json_member_string(schema, "type", ""), types[field->type]);
    if (field->type == API_ID)
        assert_string_equal(json_member_string(schema, "format", ""), "uuid");
    if (field->type == API_INTEGER) {
        assert_int_equal(json_member_integer(schema, "minimum", INT64_MIN), field->min);
        assert_int_equal(json_member_integer(schema, "maximum", INT64_MAX), field->max);
    }
    if (field->type == API_TEXT && !field->check) {
        assert_int_equal(json_member_integer(schema, "minLength", 0), field->min);
        assert_int_equal(json_member_integer(schema, "maxLength", -1), field->max);
    }
    const json_t *choices = json_object_get(schema, "enum");
    size_t count = 0;
    for (; field->type == API_CHOICE && field->choices[count]; count++)
        if (strcmp(json_string_value(json_array_get(choices, count)), field->choices[count]) != 0)
            fail_msg("%s: the choices of %s differ", where, field->name);
    assert_int_equal(json_array_size(choices), count);
}

static void check_field(const struct api_route *route, const struct api_field *field,
                        const json_t *operation, const char *where)
{
    const char *place = place_of(field->from);
    const json_t *schema;
    bool is_required = false;
    if (field->from == API_FROM_BODY) {
        const json_t *body = body_schema(operation);
        schema = json_object_get(json_object_get(body, "properties"), field->name);
        const json_t *required = json_object_get(body, "required");
        for (size_t i = 0; i < json_array_size(required); i++)
            is_required |= strcmp(json_string_value(json_array_get(required, i)), field->name) == 0;
    } else {
        const json_t *parameter =
            find_parameter(json_object_get(operation, "parameters"), field->name, place);
        if (!parameter)
            parameter = find_parameter(shared_parameters(route), field->name, place);
        schema = json_object_get(parameter, "schema");
        is_required = json_member_bool(parameter, "required", false);
    }
    if (!schema)
        fail_msg("%s: the field %s of the %s is not described", where, field->name, place);
    assert_int_equal(is_required, field->is_required || field->from == API_FROM_PATH);
    check_limits(field, contract_resolve(contract, schema), where);
}

static void check_no_other(const struct api_route *route, const json_t *parameters,
                           const char *where)
{
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = contract_resolve(contract, json_array_get(parameters, i));
        const char *name = json_member_string(parameter, "name", "");
        bool is_field = false;
        for (const struct api_field *field = route->fields; field && field->name; field++)
            is_field |= strcmp(field->name, name) == 0;
        if (!is_field)
            fail_msg("%s does not read the parameter %s", where, name);
    }
}

static void check_fields(const struct api_route *route, const json_t *operation, const char *where)
{
    size_t body_count = 0;
    for (const struct api_field *field = route->fields; field && field->name; field++) {
        check_field(route, field, operation, where);
        body_count += field->from == API_FROM_BODY;
    }
    check_no_other(route, json_object_get(operation, "parameters"), where);
    check_no_other(route, shared_parameters(route), where);
    if (route->body == API_BODY_UPLOAD)
        return;
    const json_t *body = body_schema(operation);
    assert_int_equal(json_object_size(json_object_get(body, "properties")), body_count);
}

static void fields_are_described_with_their_limits_and_no_others(void **state)
{
    (void)state;
    each_route(check_fields);
}

/* ---- bodies, callers, refusals ---- */

static bool has_key(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

static void check_body(const struct api_route *route, const json_t *operation, const char *where)
{
    const json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
    bool is_form = route->body == API_BODY_FORM;
    bool is_json = is_form || route->body == API_BODY_JSON;
    bool is_multipart = is_form || route->body == API_BODY_UPLOAD;
    if (has_key(content, "application/json") != is_json ||
        has_key(content, "multipart/form-data") != is_multipart ||
        has_key(content, "application/x-www-form-urlencoded") != is_form)
        fail_msg("%s takes other bodies than described", where);
}

static void check_callers(const struct api_route *route, const json_t *operation, const char *where)
{
    const json_t *security = json_object_get(operation, "security");
    bool is_open = security && json_array_size(security) == 0;
    bool is_optional = security && json_array_size(security) == 3;
    if (is_open != (route->auth == API_AUTH_NONE) ||
        is_optional != (route->auth == API_AUTH_OPTIONAL))
        fail_msg("%s takes other callers than described", where);
}

static void check_refusals(const struct api_route *route, const json_t *operation,
                           const char *where)
{
    const json_t *responses = json_object_get(operation, "responses");
    bool changes_by_cookie = route->auth == API_AUTH_USER && strcmp(route->method, "GET") != 0;
    if (!has_key(responses, "default") ||
        (route->auth == API_AUTH_USER && !has_key(responses, "401")) ||
        ((changes_by_cookie || route->sets_session) && !has_key(responses, "403")) ||
        (route->rate != API_RATE_NONE && !has_key(responses, "429")) ||
        (route->body != API_BODY_NONE && !has_key(responses, "415")))
        fail_msg("%s: a refusal is not described", where);
    for (const struct api_field *field = route->fields; field && field->name; field++)
        if (!field->word && !has_key(responses, "422"))
            fail_msg("%s: 422 is not described", where);
}

static void bodies_callers_and_refusals_are_described(void **state)
{
    (void)state;
    each_route(check_body);
    each_route(check_callers);
    each_route(check_refusals);
}

static void follow_references(const json_t *value)
{
    if (json_is_object(value)) {
        contract_resolve(contract, value);
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)value, key, member) follow_references(member);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        follow_references(json_array_get(value, i));
}

static void every_reference_leads_somewhere(void **state)
{
    (void)state;
    follow_references(description);
    assert_string_equal(json_member_string(description, "openapi", ""), "3.1.0");
}

static void every_problem_is_described_and_no_other(void **state)
{
    (void)state;
    const json_t *schemas = json_object_get(json_object_get(description, "components"), "schemas");
    const json_t *words = json_object_get(json_object_get(schemas, "ProblemCode"), "enum");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!problem_find(word))
            fail_msg("%s is no problem", word);
    }
    assert_int_equal(json_array_size(words), problem_count());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_and_every_description_has_a_route),
        cmocka_unit_test(fields_are_described_with_their_limits_and_no_others),
        cmocka_unit_test(bodies_callers_and_refusals_are_described),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_problem_is_described_and_no_other),
    };
    return cmocka_run_group_tests_name("openapi", tests, setup, teardown);
}
