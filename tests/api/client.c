/* libcurl, one handle a client: connections are kept between requests as browsers do. */
#include "client.h"

#include <curl/curl.h>
#include <strings.h>

#include "../unit/test.h"
#include "base/es_buf.h"
#include "contract.h"

#define ANSWERS_MAX 4096

struct client {
    struct es_arena arena;
    const char *base_url;
    CURL *curl;
    struct contract *contract;
    json_t *owned[ANSWERS_MAX];
    size_t owned_count;
};

static size_t append(char *bytes, size_t size, size_t count, void *buf)
{
    es_buf_append(buf, bytes, size * count);
    return size * count;
}

static json_t *fetch_description(struct client *client)
{
    const struct answer *answer = client_send(client, &(struct request){ .path = "/openapi.json" });
    assert_int_equal(answer->status, 200);
    assert_non_null(answer->json);
    return answer->json;
}

struct client *client_open(const char *base_url)
{
    struct client *client = es_malloc(sizeof(*client));
    client->base_url = es_strdup(&client->arena, base_url);
    client->curl = curl_easy_init();
    assert_non_null(client->curl);
    client->contract = contract_open(fetch_description(client));
    return client;
}

void client_close(struct client *client)
{
    contract_close(client->contract);
    curl_easy_cleanup(client->curl);
    for (size_t i = 0; i < client->owned_count; i++)
        json_decref(client->owned[i]);
    es_arena_release(&client->arena);
    free(client);
}

struct es_arena *client_arena(struct client *client)
{
    return &client->arena;
}

static struct curl_slist *request_headers(struct client *client, const struct request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    struct es_arena *arena = &client->arena;
    const char *type = request->content_type ? request->content_type
                       : request->json       ? "application/json"
                       : request->form       ? "application/x-www-form-urlencoded"
                                             : NULL;
    /* Without a colon's value the line makes libcurl leave its own default out. */
    list = curl_slist_append(list,
                             type ? es_printf(arena, "Content-Type: %s", type) : "Content-Type:");
    if (request->token)
        list =
            curl_slist_append(list, es_printf(arena, "Authorization: Bearer %s", request->token));
    if (request->cookie)
        list = curl_slist_append(list,
                                 es_printf(arena, "Cookie: espotifai_session=%s", request->cookie));
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

static void set_body(struct client *client, const struct request *request)
{
    const char *body = request->body   ? request->body
                       : request->json ? request->json
                                       : request->form;
    if (!body)
        return;
    size_t size = request->body_size ? request->body_size : strlen(body);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
}

static struct answer *keep_answer(struct client *client, const struct es_buf *headers,
                                  const struct es_buf *body)
{
    struct answer *answer = es_new(&client->arena, struct answer);
    long status;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->headers = es_strdup(&client->arena, es_buf_text(headers));
    answer->body = es_strndup(&client->arena, es_buf_text(body), body->size);
    answer->body_size = body->size;
    if (body->size > 0 && body->bytes[0] && strchr("{[", body->bytes[0]))
        answer->json = json_loadb(body->bytes, body->size, 0, NULL);
    if (answer->json) {
        assert_true(client->owned_count < ANSWERS_MAX);
        client->owned[client->owned_count++] = answer->json;
    }
    return answer;
}

const struct answer *client_send(struct client *client, const struct request *request)
{
    es_auto_buf headers = { 0 }, body = { 0 };
    const char *method = request->method ? request->method : "GET";
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL,
                     es_printf(&client->arena, "%s%s", client->base_url, request->path));
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 20000L);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    set_body(client, request);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    struct curl_slist *list = request_headers(client, request);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(list);
    if (code != CURLE_OK && !(request->may_end_early && code == CURLE_PARTIAL_FILE))
        fail_msg("%s %s: %s", method, request->path, curl_easy_strerror(code));
    struct answer *answer = keep_answer(client, &headers, &body);
    answer->is_whole = code == CURLE_OK;
    if (client->contract)
        contract_check(client->contract, method, request->path, answer->status,
                       answer_header(client, answer, "Content-Type"), answer->json);
    return answer;
}

const char *answer_header(struct client *client, const struct answer *answer, const char *name)
{
    size_t name_size = strlen(name);
    for (const char *line = answer->headers; *line; line += strcspn(line, "\n") + 1) {
        if (strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
            continue;
        const char *value = line + name_size + 1;
        value += strspn(value, " ");
        return es_strndup(&client->arena, value, strcspn(value, "\r\n"));
    }
    return NULL;
}

const char *answer_text(const struct answer *answer, const char *member)
{
    return json_member_string(answer->json, member, "");
}

const char *answer_code(const struct answer *answer)
{
    return answer_text(answer, "code");
}

const char *multipart_body(struct client *client, const struct form_part *parts, size_t count,
                           size_t *ret_size)
{
    es_auto_buf buf = { 0 };
    for (size_t i = 0; i < count; i++) {
        size_t size = parts[i].size ? parts[i].size : strlen(parts[i].content);
        es_buf_printf(&buf, "--boundary\r\nContent-Disposition: form-data; %s\r\n\r\n",
                      parts[i].disposition);
        es_buf_append(&buf, parts[i].content, size);
        es_buf_append_text(&buf, "\r\n");
    }
    es_buf_append_text(&buf, "--boundary--\r\n");
    *ret_size = buf.size;
    return es_memdup(&client->arena, es_buf_text(&buf), buf.size + 1);
}
