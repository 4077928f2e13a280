/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin that does to the process what no plugin may, in the callback that its options name. The
 * build says which kind it is, and may have it done while it is loaded (AT_LOAD).
 */
#include <fcntl.h>
#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/hook.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct conduct {
    const struct hb_host *host;
    const char *what, *where;
    long long at;     /* at this call of it, from 1 on */
    atomic_int calls; /* of several threads */
};

static void crash(void)
{
    volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 1;
}

/* Fills the stack of the thread. */
static int deeper(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

static void divide(void)
{
    raise(SIGFPE);
}

static void *nothing(void *context)
{
    return context;
}

static void *sleep_on(void *context)
{
    pause();
    return context;
}

static void run_away(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleep_on, NULL) == 0)
        pthread_detach(thread);
    if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}

static void fork_and_stay(void)
{
    pid_t child = fork();
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void fork_and_go(void)
{
    pid_t child = fork();
    if (child == 0)
        exit(7);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void set_umask(void)
{
    umask(0);
}

static void change_directory(void)
{
    if (chdir("/") != 0)
        abort();
}

static void change_locale(void)
{
    setlocale(LC_CTYPE, "C");
}

static void change_handler(void)
{
    signal(SIGINT, SIG_IGN);
}

static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void close_standard(void)
{
    close(0);
    close(1);
    close(2);
}

static void print(void)
{
    puts("printed by a plugin");
    fflush(stdout);
    if (write(1, "written by a plugin\n", 20) < 0)
        abort();
}

static void exit_well(void)
{
    exit(0);
}

static void exit_at_once(void)
{
    _exit(0);
}

static void become_daemon(void)
{
    if (daemon(1, 1) != 0)
        abort();
}

static void exit_by_standard(void)
{
    _Exit(0);
}

static void exit_thread(void)
{
    pthread_exit(NULL);
}

static void hang(void)
{
    if (write(2, "hangs\n", 6) < 0)
        abort();
    for (;;)
        pause();
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"crash", crash},
    {"abort", abort},
    {"divide", divide},
    {"exit", exit_well},
    {"exit-at-once", exit_at_once},
    {"exit-by-standard", exit_by_standard},
    {"daemon", become_daemon},
    {"exit-thread", exit_thread},
    {"run-away", run_away},
    {"fork-and-stay", fork_and_stay},
    {"fork-and-go", fork_and_go},
    {"umask", set_umask},
    {"directory", change_directory},
    {"locale", change_locale},
    {"handler", change_handler},
    {"block", block_signals},
    {"close", close_standard},
    {"print", print},
    {"hang", hang},
};

static void act(const char *what)
{
    if (strcmp(what, "overflow") == 0)
        deeper(1);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, what) == 0)
            acts[i].act();
}

/* What the callback answers then: HB_OK, or a number that the options name. */
static int here(void *self, const char *where)
{
    struct conduct *conduct = self;
    if (strcmp(conduct->where, where) != 0 ||
        atomic_fetch_add(&conduct->calls, 1) + 1 != conduct->at)
        return HB_OK;
    act(conduct->what);
    if (strcmp(conduct->what, "escapes") == 0) {
        conduct->host->log(conduct->host, HB_LOG_WARNING, "log \033[2J\a\b\r");
        conduct->host->note(conduct->host, NULL, "note \033[2J");
        conduct->host->doubtful(conduct->host, NULL, "doubt \033]0;title\a");
        return conduct->host->fail(conduct->host, HB_STATUS_FATAL, "failed \033[2J\r");
    }
    return strncmp(conduct->what, "answer:", 7) == 0 ? atoi(conduct->what + 7) : HB_OK;
}

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
    act(AT_LOAD);
}
#endif

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct conduct *made = calloc(1, sizeof *made);
    if (made == NULL)
        return host->fail(host, HB_STATUS_FATAL, "no memory");
    *made = (struct conduct){.host = host,
                             .what = settings->values[0]->text,
                             .where = settings->values[1]->text,
                             .at = settings->values[2]->number};
    *self = made;
    int answer = here(made, "create");
    if (answer != HB_OK)
        free(made);
    return answer;
}

static void destroy(void *self)
{
    here(self, "destroy");
    free(self);
}

/* ---- as a filter --------------------------------------------------------------------------- */

static int verdict(void *self, int direction, const struct hb_entry *entry,
                   struct hb_verdict *result)
{
    (void)direction;
    (void)entry;
    (void)result;
    return here(self, "verdict");
}

static const struct hb_filter_ops filter_ops = {.size = sizeof filter_ops, .verdict = verdict};

/* ---- as a hook ----------------------------------------------------------------------------- */

static int before(void *self, const struct hb_event *event)
{
    (void)event;
    return here(self, "before");
}

static int after(void *self, const struct hb_event *event)
{
    (void)event;
    return here(self, "after");
}

static const struct hb_hook_ops hook_ops = {
    .size = sizeof hook_ops, .before = before, .after = after};

/* ---- as a content plugin ------------------------------------------------------------------- */

static int claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    (void)head;
    (void)bytes;
    size_t length = strlen(entry->path);
    int answer = here(self, "claim");
    if (answer != HB_OK)
        return answer;
    return length > 5 && strcmp(entry->path + length - 5, ".mine") == 0 ? HB_OK : HB_STATUS_NOMATCH;
}

static int64_t read_at(const struct hb_source *source, void *buffer, size_t bytes, uint64_t offset)
{
    here(source->self, "read_at");
    if (offset >= source->bytes)
        return 0;
    if (bytes > source->bytes - offset)
        bytes = source->bytes - offset;
    memset(buffer, 'x', bytes);
    return (int64_t)bytes;
}

static void close_source(struct hb_source *source)
{
    here(source->self, "close");
}

static int open_source(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    source->self = self;
    source->bytes = entry->bytes;
    source->method = "raw";
    source->soundness = HB_SOUNDNESS_SOUND;
    source->read_at = read_at;
    source->close = close_source;
    return here(self, "open");
}

static const struct hb_content_ops content_ops = {
    .size = sizeof content_ops, .claim = claim, .open = open_source};

/* ---- the plugin ---------------------------------------------------------------------------- */

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof **options,
                              .type = HB_OPTION_STRING,
                              .key = "what",
                              .default_text = "",
                              .help = "What it does\033[31m"},
    &(const struct hb_option){.size = sizeof **options,
                              .type = HB_OPTION_STRING,
                              .key = "where",
                              .default_text = "",
                              .help = "In which callback"},
    &(const struct hb_option){.size = sizeof **options,
                              .type = HB_OPTION_INTEGER,
                              .key = "at",
                              .default_text = "1",
                              .minimum = 1,
                              .maximum = 1000000,
                              .help = "At which call of it"},
};

static const void *const tables[] = {
    [HB_KIND_CONTENT] = &content_ops, [HB_KIND_FILTER] = &filter_ops, [HB_KIND_HOOK] = &hook_ops};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    static struct hb_plugin plugin = {.size = sizeof plugin,
                                      .abi = HB_ABI,
                                      .kind = PLUGIN_KIND,
                                      .host_size = sizeof(struct hb_host),
                                      .name = PLUGIN_NAME,
                                      .version = "1\033[31m",
                                      .summary = "Ends or changes the process\033[31m",
                                      .options = options,
                                      .option_count = 3,
                                      .create = create,
                                      .destroy = destroy};
    plugin.ops = tables[PLUGIN_KIND];
    return &plugin;
}
