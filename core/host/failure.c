/* SPDX-License-Identifier: Apache-2.0 */
#include "host/failure.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *hb_failure_buffer(struct hb_run *run)
{
    char *buffer = pthread_getspecific(run->failure);
    if (buffer == NULL) {
        buffer = hb_alloc(HB_FAILURE_BYTES);
        pthread_setspecific(run->failure, buffer);
    }
    return buffer;
}

void hb_run_clear_failure(struct hb_run *run)
{
    hb_failure_buffer(run)[0] = '\0';
}

const char *hb_instance_failure(const struct hb_instance *instance)
{
    char *buffer = hb_failure_buffer(instance->run);
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

void hb_run_explain(struct hb_run *run, const char *format, ...)
{
    char *buffer = hb_failure_buffer(run);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, HB_FAILURE_BYTES, format, arguments);
    va_end(arguments);
}
