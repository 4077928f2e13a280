/* SPDX-License-Identifier: Apache-2.0 */
#include "host/run.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "config/settings.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

bool hb_run_cancelled(struct hb_run *run)
{
    return hb_interrupt_signal() != 0 ||
           atomic_load_explicit(&run->stop, memory_order_relaxed) != 0;
}

void hb_run_init(struct hb_run *run, const struct hb_config *config)
{
    *run = (struct hb_run){.config = config, .home.fd = -1, .log = stderr};
    run->stage = (struct hb_stage)HB_STAGE_NONE;
    run->log_level = HB_LOG_INFO;
    hb_report_init(&run->report);
    hb_held_init(&run->held);
    pthread_key_create(&run->failure, free);
    hb_interrupt_install();
}

void hb_run_clear(struct hb_run *run)
{
    free(pthread_getspecific(run->failure));
    pthread_setspecific(run->failure, NULL);
    pthread_key_delete(run->failure);
    hb_stage_close(&run->stage);
    hb_root_close(&run->home);
    hb_held_clear(&run->held);
    hb_report_clear(&run->report);
}

/* Those that this process may run on: a container or taskset may leave it few of many. */
static int64_t processors(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return CPU_COUNT(&allowed);
    return sysconf(_SC_NPROCESSORS_ONLN);
}

unsigned hb_run_workers(const struct hb_run *run)
{
    int64_t workers = hb_config_number(run->config, "backup", "workers");
    if (workers == 0 || workers > HB_MOST_WORKERS) /* auto is the number behind the last */
        workers = processors();
    return workers < 1 ? 1 : (unsigned)workers;
}

/* ---- host services --------------------------------------------------------------------- */

static struct hb_instance *instance_of(const struct hb_host *host)
{
    return host->self;
}

static void host_log(const struct hb_host *host, int level, const char *format, ...)
{
    const struct hb_instance *instance = instance_of(host);
    char line[MESSAGE_BYTES];
    if (level < instance->run->log_level)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    HB_AUTO_FREE char *shown = hb_printable(line);
    fprintf(instance->run->log, "hbcore: %s: %s\n", instance->plugin->name, shown);
}

/* Per thread, so that workers do not overwrite each other's sentences. */
static char *failure_buffer(struct hb_run *run)
{
    char *buffer = pthread_getspecific(run->failure);
    if (buffer == NULL) {
        buffer = hb_alloc(MESSAGE_BYTES);
        pthread_setspecific(run->failure, buffer);
    }
    return buffer;
}

void hb_run_clear_failure(struct hb_run *run)
{
    failure_buffer(run)[0] = '\0';
}

const char *hb_instance_failure(const struct hb_instance *instance)
{
    char *buffer = failure_buffer(instance->run);
    if (*buffer == '\0')
        snprintf(buffer, MESSAGE_BYTES, "%s: failed without saying why", instance->plugin->name);
    return buffer;
}

static int host_fail(const struct hb_host *host, int status, const char *format, ...)
{
    const struct hb_instance *instance = instance_of(host);
    char *buffer = failure_buffer(instance->run);
    int used = snprintf(buffer, MESSAGE_BYTES, "%s: ", instance->plugin->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer + used, MESSAGE_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    return status;
}

void hb_run_explain(struct hb_run *run, const char *format, ...)
{
    char *buffer = failure_buffer(run);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, MESSAGE_BYTES, format, arguments);
    va_end(arguments);
}

static void host_note(const struct hb_host *host, const struct hb_entry *entry, const char *format,
                      ...)
{
    const struct hb_instance *instance = instance_of(host);
    char line[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    hb_report_add(&instance->run->report, HB_FOUND_NOTE, entry == NULL ? "" : entry->path, "%s: %s",
                  instance->plugin->name, line);
}

static void host_doubtful(const struct hb_host *host, const struct hb_entry *entry,
                          const char *format, ...)
{
    const struct hb_instance *instance = instance_of(host);
    char line[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (entry != NULL)
        hb_report_add(&instance->run->report, HB_FOUND_DOUBTFUL, entry->path, "%s: %s",
                      instance->plugin->name, line);
    else /* of an archive, which may be walked more than once */
        hb_report_add_once(&instance->run->report, HB_FOUND_DOUBTFUL, instance->plugin->name, line);
}

static int host_cancelled(const struct hb_host *host)
{
    return hb_run_cancelled(instance_of(host)->run);
}

static int64_t host_remaining(const struct hb_host *host)
{
    (void)host; /* no command has a bound of its own; plugins have their options */
    return INT64_MAX;
}

static void host_progress(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                          uint64_t total)
{
    struct hb_progress *progress = instance_of(host)->run->progress;
    if (progress != NULL && entry != NULL)
        hb_progress_preparing(progress, entry->path, done, total);
}

static void *host_alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes == 0 ? 1 : bytes);
}

static void host_release(const struct hb_host *host, void *memory)
{
    (void)host;
    free(memory);
}

static const char *host_home_path(const struct hb_host *host)
{
    return instance_of(host)->run->home.path;
}

static int host_open_beneath(const struct hb_host *host, const char *path, int flags, uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    if (run->home.fd < 0)
        return -ENOENT;
    return hb_beneath_open(&run->home, path, flags, mode);
}

static int64_t host_read_entry(const struct hb_host *host, const char *path, uint64_t offset,
                               void *buffer, size_t bytes)
{
    HB_AUTO_CLOSE int fd = host_open_beneath(host, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    ssize_t got = pread(fd, buffer, bytes, (off_t)offset);
    return got < 0 ? -errno : got;
}

static int host_stage_file(const struct hb_host *host, const char *name, struct hb_file *out)
{
    struct hb_run *run = instance_of(host)->run;
    struct hb_error error;
    char *made = NULL;
    *out = (struct hb_file){.size = sizeof *out, .fd = -1};
    if (run->stage.fd < 0 && !run->stage_on_demand)
        return host_fail(host, HB_ENTRY, "there is no staging directory in this command");
    if (run->stage.fd < 0 && hb_stage_open(run->home.path, &run->stage, NULL, &error) != HB_OK)
        return host_fail(host, HB_ENTRY, "%s", error.text);
    int fd = hb_stage_file(&run->stage, name, &made, &error);
    if (fd < 0)
        return host_fail(host, HB_ENTRY, "%s", error.text);
    out->fd = fd;
    out->path = hb_format("%s/%s", run->stage.path, made);
    out->reserved = made;
    return HB_OK;
}

/* Side files of libraries start with the file's own name, which ends the number in front. */
static void remove_with_sidecars(int stage_fd, const char *name)
{
    static const char *const common[] = {"", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        HB_AUTO_FREE char *path = hb_format("%s%s", name, common[i]);
        unlinkat(stage_fd, path, 0);
    }
}

static void host_stage_release(const struct hb_host *host, struct hb_file *file)
{
    struct hb_run *run = instance_of(host)->run;
    if (file->fd >= 0)
        close(file->fd);
    if (file->reserved != NULL && run->stage.fd >= 0)
        remove_with_sidecars(run->stage.fd, file->reserved);
    free(file->reserved);
    free((void *)(uintptr_t)file->path);
    *file = (struct hb_file){.size = sizeof *file, .fd = -1};
}

static int publish_at(const struct hb_host *host, struct hb_file *file, struct hb_place *place,
                      uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    if (place->exists && !S_ISREG(place->status.st_mode))
        return host_fail(host, HB_ENTRY, "%s: there is something that is no regular file",
                         place->path);
    if (fchmod(file->fd, mode & 0777) != 0 || fsync(file->fd) != 0 ||
        renameat(run->stage.fd, file->reserved, place->directory_fd, place->name) != 0 ||
        fsync(place->directory_fd) != 0)
        return host_fail(host, HB_ENTRY, "%s: cannot be published: %s", place->path,
                         strerror(errno));
    free(file->reserved);
    file->reserved = NULL;
    host_stage_release(host, file);
    return HB_OK;
}

static int host_publish(const struct hb_host *host, struct hb_file *file, const char *path,
                        uint32_t mode)
{
    struct hb_run *run = instance_of(host)->run;
    if (run->home.fd < 0 || file->reserved == NULL)
        return host_fail(host, HB_ENTRY, "%s: nothing staged, or no home", path);
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, path, HB_MAKE_PARENTS, &place, NULL);
    int status = result != 0
                     ? host_fail(host, HB_ENTRY, "%s: %s", path,
                                 result == -EXDEV ? "leads outside the home" : strerror(-result))
                     : publish_at(host, file, &place, mode);
    hb_place_clear(&place);
    return status;
}

static void host_summary(const struct hb_host *host, const char *format, ...)
{
    char line[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    hb_report_line(&instance_of(host)->run->report, line);
}

static int host_member(const struct hb_host *host, const char *key, const char *json)
{
    json_t *parsed = json_loads(json, JSON_DECODE_ANY, NULL);
    if (parsed == NULL)
        return host_fail(host, HB_ENTRY, "%s: is not a JSON text: %.60s", key, json);
    json_decref(parsed);
    hb_report_member(&instance_of(host)->run->report, key, json);
    return HB_OK;
}

/* ---- instances -------------------------------------------------------------------------- */

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error)
{
    struct hb_instance *made = hb_alloc(sizeof *made);
    made->run = run;
    made->section = section;
    made->plugin = section->library->plugin;
    made->host = (struct hb_host){
        .size = sizeof made->host,
        .abi = HB_ABI,
        .self = made,
        .log = host_log,
        .fail = host_fail,
        .note = host_note,
        .doubtful = host_doubtful,
        .cancelled = host_cancelled,
        .remaining_ms = host_remaining,
        .progress = host_progress,
        .alloc = host_alloc,
        .release = host_release,
        .home_path = host_home_path,
        .open_beneath = host_open_beneath,
        .read_entry = host_read_entry,
        .stage_file = host_stage_file,
        .stage_release = host_stage_release,
        .publish = host_publish,
        .summary = host_summary,
        .member = host_member,
    };
    hb_run_clear_failure(run);
    int status = made->plugin->create(&made->host, &section->settings, &made->self);
    if (status != HB_OK) {
        hb_error_set(error, HB_FATAL, "[%s]: %s", section->name, hb_instance_failure(made));
        free(made);
        return HB_FATAL;
    }
    *instance = made;
    return HB_OK;
}

void hb_instance_free(struct hb_instance *instance)
{
    if (instance == NULL)
        return;
    if (instance->plugin->destroy != NULL)
        instance->plugin->destroy(instance->self);
    free(instance);
}

static bool takes_part(const struct hb_section *section, const char *command)
{
    if (command == NULL || section->common.count < 2)
        return true;
    for (const char *const *word = section->common.values[1]->list; *word != NULL; word++)
        if (strcmp(*word, command) == 0)
            return true;
    return false;
}

int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error)
{
    *chain = (struct hb_chain){0};
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(run->config, kind, section)) != NULL) {
        if (!takes_part(section, command))
            continue;
        struct hb_instance *instance;
        int status = hb_instance_create(run, section, &instance, error);
        if (status != HB_OK) {
            hb_chain_free(chain);
            return status;
        }
        chain->instances = hb_resize(chain->instances, chain->count + 1, sizeof instance);
        chain->instances[chain->count++] = instance;
    }
    return HB_OK;
}

void hb_chain_free(struct hb_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        hb_instance_free(chain->instances[i]);
    free(chain->instances);
    *chain = (struct hb_chain){0};
}

int hb_ask_filter(struct hb_run *run, const struct hb_instance *filter, int direction,
                  const struct hb_entry *entry, struct hb_verdict *verdict, struct hb_error *error)
{
    const struct hb_filter_ops *ops = filter->plugin->ops;
    *verdict = (struct hb_verdict){.size = sizeof *verdict};
    hb_run_clear_failure(run);
    if (ops->verdict(filter->self, direction, entry, verdict) != HB_OK)
        return hb_error_set(error, HB_FATAL, "%s: [%s]: %s", entry->path, filter->section->name,
                            hb_instance_failure(filter));
    if (verdict->kind != HB_KEEP && verdict->kind != HB_LEAVE_OUT && verdict->kind != HB_PRUNE)
        return hb_error_set(error, HB_FATAL, "%s: [%s]: gave the verdict %u, which there is not",
                            entry->path, filter->section->name, (unsigned)verdict->kind);
    verdict->reason[sizeof verdict->reason - 1] = '\0';
    return HB_OK;
}
