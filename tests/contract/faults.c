/* Counting down under a lock. */
#include "faults.h"

#include <string.h>

void faults_set(struct faults *faults, const struct fault *fault)
{
    pthread_mutex_lock(&faults->lock);
    faults->fault = *fault;
    faults->failed = 0;
    pthread_mutex_unlock(&faults->lock);
}

void faults_clear(struct faults *faults)
{
    faults_set(faults, &(struct fault){ 0 });
}

int faults_failed(struct faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    int failed = faults->failed;
    pthread_mutex_unlock(&faults->lock);
    return failed;
}

struct fault faults_next(struct faults *faults, const char *operation)
{
    struct fault none = { 0 };
    pthread_mutex_lock(&faults->lock);
    struct fault fault = faults->fault;
    bool is_meant = fault.code != ES_OK && fault.count != 0 &&
                    (!fault.operation || strcmp(fault.operation, operation) == 0);
    if (is_meant && fault.let_through > 0) {
        faults->fault.let_through--;
        is_meant = false;
    } else if (is_meant) {
        faults->fault.count -= fault.count > 0;
        faults->failed++;
    }
    pthread_mutex_unlock(&faults->lock);
    return is_meant ? fault : none;
}

enum es_code faults_fail(const struct fault *fault, const char *operation, struct es_err *reterr)
{
    return es_fail_word(reterr, fault->code, fault->word, "%s fails by the test's wish", operation);
}
