/* SPDX-License-Identifier: Apache-2.0 */
#include "host/failure.h"

#include "base/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct hb_failure *hb_failure_of(struct hb_run *run)
{
    struct hb_failure *failure = pthread_getspecific(run->failure);
    if (failure == NULL) {
        failure = hb_alloc(sizeof *failure);
        pthread_setspecific(run->failure, failure);
    }
    return failure;
}

uint32_t hb_cause_of(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return HB_CAUSE_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return HB_CAUSE_DENIED;
    case ENOENT:
    case ENOTDIR:
        return HB_CAUSE_NOT_FOUND;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
        return HB_CAUSE_BUSY;
    case EEXIST:
        return HB_CAUSE_EXISTS;
    case ENOSYS:
    case EOPNOTSUPP:
        return HB_CAUSE_UNSUPPORTED;
    default:
        return HB_CAUSE_NONE;
    }
}

static void forget(struct hb_failure *failure)
{
    failure->cause = HB_CAUSE_NONE;
    failure->own = false;
    failure->text[0] = failure->hint[0] = '\0';
}

void hb_run_clear_failure(struct hb_run *run)
{
    forget(hb_failure_of(run));
}

const char *hb_instance_failure(const struct hb_instance *instance)
{
    char *buffer = hb_failure_of(instance->run)->text;
    if (*buffer == '\0')
        snprintf(buffer, HB_FAILURE_BYTES, "%s: failed without saying why", instance->plugin->name);
    return buffer;
}

const char *hb_instance_reason(const struct hb_instance *instance)
{
    const char *said = hb_instance_failure(instance), *name = instance->plugin->name;
    size_t bytes = strlen(name);
    return strncmp(said, name, bytes) == 0 && strncmp(said + bytes, ": ", 2) == 0 ? said + bytes + 2
                                                                                  : said;
}

int hb_instance_error(const struct hb_instance *instance, int status, const char *what,
                      struct hb_error *error)
{
    const char *said = hb_instance_failure(instance);
    hb_error_set(error, status, "%s%s%s", what == NULL ? "" : what, what == NULL ? "" : ": ", said);
    const char *hint = hb_failure_of(instance->run)->hint;
    if (*hint != '\0')
        hb_error_hint(error, "%s", hint);
    return status;
}

void hb_run_explain(struct hb_run *run, const char *format, ...)
{
    struct hb_failure *failure = hb_failure_of(run);
    va_list arguments;
    forget(failure);
    va_start(arguments, format);
    vsnprintf(failure->text, HB_FAILURE_BYTES, format, arguments);
    va_end(arguments);
}
