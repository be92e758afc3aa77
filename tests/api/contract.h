/* docs/openapi.yaml as a judge: whether an answer is what it says. Reads as much of JSON Schema as
 * the description uses: $ref, type, required, properties, additionalProperties, items, enum, const.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "wire/json.h"

struct contract;

/* `description` must outlive it. */
struct contract *contract_open(json_t *description);
void contract_close(struct contract *contract);

/* The path of the description that `path` (with or without a query) is of, or NULL. */
const char *contract_template(const struct contract *contract, const char *path);

/* The operation, with what it refers to resolved at its first level; NULL: none. */
const json_t *contract_operation(const struct contract *contract, const char *method,
                                 const char *template);

/* Follows $ref where `value` is one. */
const json_t *contract_resolve(const struct contract *contract, const json_t *value);

/* Fails the test where the answer is not as described. Paths and methods that are not described
 * must be refused. `json` may be NULL. */
void contract_check(const struct contract *contract, const char *method, const char *path,
                    int status, const char *content_type, const json_t *json);

#endif
