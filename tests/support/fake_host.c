/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE 1 /* what is beyond C11: openat, strdup, PATH_MAX */
#include "fake_host.h"

#if __has_include("base/patterns.h") /* not where only the headers of plugins are */
#include "base/patterns.h"
#define HAS_PATTERNS
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fake_host *fake_of(const struct hb_host *host)
{
    return host->self;
}

static void fake_log(const struct hb_host *host, int level, const char *format, ...)
{
    (void)host;
    (void)level;
    (void)format;
}

static int fake_fail(const struct hb_host *host, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fake_of(host)->message, sizeof fake_of(host)->message, format, arguments);
    va_end(arguments);
    return status;
}

static int fake_fail_as(const struct hb_host *host, int status, uint32_t cause, const char *hint,
                        const char *format, ...)
{
    struct fake_host *fake = fake_of(host);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fake->message, sizeof fake->message, format, arguments);
    va_end(arguments);
    fake->cause = cause;
    snprintf(fake->hint, sizeof fake->hint, "%s", hint == NULL ? "" : hint);
    return status;
}

static uint32_t fake_cause(const struct hb_host *host)
{
    return fake_of(host)->cause;
}

static void fake_note(const struct hb_host *host, const struct hb_entry *entry, const char *format,
                      ...)
{
    (void)entry;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fake_of(host)->report, sizeof fake_of(host)->report, format, arguments);
    va_end(arguments);
    fake_of(host)->notes++;
}

static void fake_doubtful(const struct hb_host *host, const struct hb_entry *entry,
                          const char *format, ...)
{
    (void)entry;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fake_of(host)->report, sizeof fake_of(host)->report, format, arguments);
    va_end(arguments);
    fake_of(host)->doubtful++;
}

static int fake_cancelled(const struct hb_host *host)
{
    return atomic_load(&fake_of(host)->cancel);
}

static int64_t fake_remaining(const struct hb_host *host)
{
    return fake_of(host)->remaining_ms;
}

static void fake_progress(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                          uint64_t total)
{
    (void)host;
    (void)entry;
    (void)done;
    (void)total;
}

static void *fake_alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes);
}

static void fake_release(const struct hb_host *host, void *memory)
{
    (void)host;
    free(memory);
}

static const char *fake_home(const struct hb_host *host)
{
    return fake_of(host)->home;
}

static int fake_open_beneath(const struct hb_host *host, const char *path, int flags, uint32_t mode)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", fake_of(host)->home, path);
    int fd = open(full, flags | O_CLOEXEC, mode);
    return fd < 0 ? HB_STATUS_ENTRY : fd;
}

static int64_t fake_read_entry(const struct hb_host *host, const char *path, uint64_t offset,
                               void *buffer, size_t bytes)
{
    int fd = fake_open_beneath(host, path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    ssize_t got = pread(fd, buffer, bytes, (off_t)offset);
    int64_t result = got < 0 ? HB_STATUS_ENTRY : got;
    close(fd);
    return result;
}

static int fake_stage_file(const struct hb_host *host, const char *name, struct hb_file *out)
{
    static atomic_int serial;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d-%s", fake_of(host)->stage, atomic_fetch_add(&serial, 1),
             name);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fake_fail(host, HB_STATUS_ENTRY, "%s: %s", path, strerror(errno));
    *out = (struct hb_file){.size = sizeof *out, .fd = fd, .path = strdup(path)};
    return HB_OK;
}

static void fake_stage_release(const struct hb_host *host, struct hb_file *file)
{
    if (file->path == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    const char *base = strrchr(file->path, '/') + 1;
    DIR *directory = opendir(fake_of(host)->stage);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (strncmp(entry->d_name, base, strlen(base)) == 0)
            if (unlinkat(dirfd(directory), entry->d_name, 0) != 0)
                unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR); /* an empty one */
    if (directory != NULL)
        closedir(directory);
    free((void *)(uintptr_t)file->path);
    *file = (struct hb_file){.size = sizeof *file, .fd = -1};
}

static int fake_publish(const struct hb_host *host, struct hb_file *file, const char *path,
                        uint32_t mode)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", fake_of(host)->home, path);
    fchmod(file->fd, mode);
    if (rename(file->path, full) != 0)
        return fake_fail(host, HB_STATUS_ENTRY, "%s: %s", full, strerror(errno));
    close(file->fd);
    free((void *)(uintptr_t)file->path);
    *file = (struct hb_file){.size = sizeof *file, .fd = -1};
    return HB_OK;
}

static void fake_summary(const struct hb_host *host, const char *format, ...)
{
    (void)host;
    (void)format;
}

static int fake_member(const struct hb_host *host, const char *key, const char *json)
{
    (void)host;
    (void)key;
    (void)json;
    return HB_OK;
}

static int fake_run_child(const struct hb_host *host, struct hb_child *child)
{
    struct fake_host *fake = fake_of(host);
    child->output_bytes = child->errors_bytes = 0;
    child->exit_status = child->signal = 0;
    return fake->child != NULL
               ? fake->child(fake, child)
               : fake_fail(host, HB_STATUS_ENTRY, "%s: cannot be started", child->argv[0]);
}

static int fake_read_secret(const struct hb_host *host, const char *path, struct hb_secret *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out->text, 4095);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return fake_fail(host, HB_STATUS_ENTRY, "%s: %s", path, strerror(errno));
    out->text[got] = '\0';
    out->text[strcspn(out->text, "\n")] = '\0';
    return HB_OK;
}

static void fake_secret_release(const struct hb_host *host, struct hb_secret *secret)
{
    (void)host;
    free(secret->text);
    *secret = (struct hb_secret){.size = sizeof *secret};
}

/* "file:", "env:", "text:" and none of them. */
static int fake_secret(const struct hb_host *host, const char *key, const char *text,
                       struct hb_secret *out)
{
    int status = HB_OK;
    *out = (struct hb_secret){.size = sizeof *out, .text = calloc(1, 4096)};
    if (strncmp(text, "file:", 5) == 0) {
        status = fake_read_secret(host, text + 5, out);
    } else if (strncmp(text, "env:", 4) == 0) {
        const char *value = getenv(text + 4);
        if (value == NULL)
            status = fake_fail(host, HB_STATUS_ENTRY, "%s: there is no %s", key, text + 4);
        else
            snprintf(out->text, 4096, "%s", value);
    } else {
        snprintf(out->text, 4096, "%s", strncmp(text, "text:", 5) == 0 ? text + 5 : text);
    }
    if (status != HB_OK)
        fake_secret_release(host, out);
    else
        out->bytes = strlen(out->text);
    return status;
}

static int fake_clock(const struct hb_host *host, uint32_t clock, struct timespec *now)
{
    *now = fake_of(host)->now;
    if (now->tv_sec == 0)
        clock_gettime(clock == HB_CLOCK_WALL ? CLOCK_REALTIME : CLOCK_MONOTONIC, now);
    return HB_OK;
}

static int fake_dry_run(const struct hb_host *host)
{
    return fake_of(host)->dry_run;
}

static int fake_stage_directory(const struct hb_host *host, const char *name, struct hb_file *out)
{
    int status = fake_stage_file(host, name, out);
    if (status != HB_OK)
        return status;
    close(out->fd);
    unlink(out->path);
    out->fd =
        mkdir(out->path, 0700) != 0 ? -1 : open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->fd >= 0 ? HB_OK : fake_fail(host, HB_STATUS_ENTRY, "%s", strerror(errno));
}

static int fake_directory(const struct hb_host *host, int directory_fd, const char *path)
{
    if (directory_fd == HB_BENEATH_HOME)
        return fake_open_beneath(host, path, O_RDONLY | O_DIRECTORY, 0);
    return openat(directory_fd, *path == '\0' ? "." : path,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int fake_list_beneath(const struct hb_host *host, int directory_fd, const char *path,
                             int (*each)(void *context, const char *name, uint32_t type),
                             void *context)
{
    int fd = fake_directory(host, directory_fd, path), answer = HB_OK;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL)
        return fake_fail(host, HB_STATUS_ENTRY, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; answer == HB_OK && (entry = readdir(directory)) != NULL;) {
        uint32_t type = entry->d_type == DT_DIR   ? HB_TYPE_DIRECTORY
                        : entry->d_type == DT_LNK ? HB_TYPE_SYMLINK
                                                  : HB_TYPE_FILE;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            answer = each(context, entry->d_name, type);
    }
    closedir(directory);
    return answer;
}

static int fake_unlink_beneath(const struct hb_host *host, int directory_fd, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", fake_of(host)->home, path);
    bool home = directory_fd == HB_BENEATH_HOME;
    const char *name = home ? full : path;
    int at = home ? AT_FDCWD : directory_fd;
    return unlinkat(at, name, 0) == 0 || unlinkat(at, name, AT_REMOVEDIR) == 0
               ? HB_OK
               : fake_fail(host, HB_STATUS_ENTRY, "%s: %s", path, strerror(errno));
}

/* The host's own: nothing that a test of a plugin should have to imitate. */
#ifdef HAS_PATTERNS
static struct hb_patterns *fake_patterns_create(const struct hb_host *host, const char *key,
                                                const char *const *patterns, size_t count)
{
    struct hb_patterns *made = hb_patterns_new();
    const char *problem = NULL;
    size_t i;
    for (i = 0; i < count && problem == NULL; i++)
        problem = hb_patterns_add(made, patterns[i], strlen(patterns[i]), HB_PATTERN_GIT);
    if (problem == NULL)
        return made;
    hb_patterns_free(made);
    fake_fail(host, HB_STATUS_FATAL, "%s: \"%s\" would never match: it %s", key, patterns[i - 1],
              problem);
    return NULL;
}

static int fake_patterns_match(const struct hb_host *host, struct hb_patterns *patterns,
                               const char *path, size_t path_bytes, uint32_t type)
{
    (void)host;
    return hb_patterns_exclude(patterns, path, path_bytes, type == HB_TYPE_DIRECTORY, NULL);
}

static void fake_patterns_free(const struct hb_host *host, struct hb_patterns *patterns)
{
    (void)host;
    hb_patterns_free(patterns);
}
#endif

static void make_directory(char *path, size_t size, const char *what)
{
    const char *base = getenv("TMPDIR");
    if (base == NULL || *base == '\0')
        base = "/tmp";
    snprintf(path, size, "%s/fake-%s-XXXXXX", base, what);
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
}

void fake_host_init(struct fake_host *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->remaining_ms = INT64_MAX;
    make_directory(fake->home, sizeof fake->home, "home");
    make_directory(fake->stage, sizeof fake->stage, "stage");
    fake->host = (struct hb_host){
        .size = sizeof fake->host,
        .abi = HB_ABI,
        .self = fake,
        .log = fake_log,
        .fail = fake_fail,
        .note = fake_note,
        .doubtful = fake_doubtful,
        .cancelled = fake_cancelled,
        .remaining_ms = fake_remaining,
        .progress = fake_progress,
        .alloc = fake_alloc,
        .release = fake_release,
        .home_path = fake_home,
        .open_beneath = fake_open_beneath,
        .read_entry = fake_read_entry,
        .stage_file = fake_stage_file,
        .stage_release = fake_stage_release,
        .publish = fake_publish,
        .summary = fake_summary,
        .member = fake_member,
        .fail_as = fake_fail_as,
        .cause = fake_cause,
        .run_child = fake_run_child,
        .secret = fake_secret,
        .secret_release = fake_secret_release,
        .clock = fake_clock,
        .dry_run = fake_dry_run,
        .stage_directory = fake_stage_directory,
        .list_beneath = fake_list_beneath,
        .unlink_beneath = fake_unlink_beneath,
#ifdef HAS_PATTERNS
        .patterns_create = fake_patterns_create,
        .patterns_match = fake_patterns_match,
        .patterns_free = fake_patterns_free,
#endif
    };
}

void fake_host_finish(struct fake_host *fake)
{
    if (rmdir(fake->stage) != 0) {
        fprintf(stderr, "staged files were left in %s: %s\n", fake->stage, strerror(errno));
        abort();
    }
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", fake->home);
    if (system(command) != 0)
        abort();
}

/* ---- settings from text -------------------------------------------------------------------- */

struct fake_settings {
    struct hb_settings settings;
    struct hb_value *values;
    const struct hb_value **pointers;
};

static const struct hb_option *option_at(const struct hb_plugin *plugin, size_t i)
{
    return plugin->options[i];
}

static int64_t number_of(const struct hb_option *option, const char *text)
{
    static const char units[] = "KMGT";
    if (option->type == HB_OPTION_BOOLEAN)
        return strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "on") == 0 ||
               strcmp(text, "1") == 0;
    bool words = option->type == HB_OPTION_INTEGER && option->choices != NULL;
    if (option->type == HB_OPTION_CHOICE || words) {
        for (int i = 0; option->choices[i] != NULL; i++)
            if (strcmp(option->choices[i], text) == 0)
                return words ? option->maximum + 1 + i : i;
        if (!words)
            abort();
    }
    char *end;
    int64_t number = strtoll(text, &end, option->type == HB_OPTION_MODE ? 8 : 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, *end);
    if (option->type == HB_OPTION_BYTES && unit != NULL)
        number <<= 10 * (unit - units + 1);
    if (option->type == HB_OPTION_SECONDS && *end == 'm')
        number *= 60;
    return number;
}

static void split_list(struct hb_value *value)
{
    const char **list = calloc(strlen(value->text) + 2, sizeof *list);
    char *copy = strdup(value->text), *save = NULL;
    for (char *word = strtok_r(copy, " \t\n", &save); word != NULL;
         word = strtok_r(NULL, " \t\n", &save))
        list[value->list_count++] = strdup(word);
    free(copy);
    value->list = list;
}

static char *value_text(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t bytes = end == NULL ? strlen(line) : (size_t)(end - line);
        if (bytes > length && strncmp(line, key, length) == 0 && line[length] == '=')
            return strndup(line + length + 1, bytes - length - 1);
        line = end == NULL ? NULL : end + 1;
    }
    return NULL;
}

int fake_create(struct fake_host *fake, const struct hb_plugin *plugin, const char *text,
                void **self, struct fake_settings **settings)
{
    struct fake_settings *made = calloc(1, sizeof *made);
    made->values = calloc(plugin->option_count + 1, sizeof *made->values);
    made->pointers = calloc(plugin->option_count + 1, sizeof *made->pointers);
    for (size_t i = 0; i < plugin->option_count; i++) {
        const struct hb_option *option = option_at(plugin, i);
        struct hb_value *value = &made->values[i];
        char *given = value_text(text, option->key);
        value->size = sizeof *value;
        value->is_set = given != NULL;
        value->text = given != NULL ? given : strdup(option->default_text);
        if (option->type == HB_OPTION_LIST)
            split_list(value);
        else if (option->type != HB_OPTION_STRING)
            value->number = number_of(option, value->text);
        made->pointers[i] = value;
    }
    made->settings = (struct hb_settings){.size = sizeof made->settings,
                                          .count = (uint32_t)plugin->option_count,
                                          .values = made->pointers,
                                          .section = "test"};
    *settings = made;
    *self = NULL;
    return plugin->create(&fake->host, &made->settings, self);
}

void fake_destroy(const struct hb_plugin *plugin, void *self, struct fake_settings *settings)
{
    if (plugin->destroy != NULL)
        plugin->destroy(self);
    for (size_t i = 0; i < settings->settings.count; i++) {
        struct hb_value *value = &settings->values[i];
        for (size_t j = 0; j < value->list_count; j++)
            free((void *)(uintptr_t)value->list[j]);
        free((void *)(uintptr_t)value->list);
        free((void *)(uintptr_t)value->text);
    }
    free(settings->values);
    free(settings->pointers);
    free(settings);
}
