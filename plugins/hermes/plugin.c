/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hermes: what a Hermes home needs besides its files. After an import each profile gets its alias
 * back, and the user is told what to type next; guard puts back jobs that an update lost.
 */
#include "after_import.h"
#include "guard.h"

#include <hbcore/hook.h>
#include <string.h>

enum {
    PROFILES,
    PROFILE_FILES,
    PROGRAM,
    PROGRAM_DIRECTORY,
    ALIAS_DIRECTORY,
    RESERVED,
    SUBCOMMANDS,
    JOBS_FILE,
    JOBS_MEMBER,
    WHEN,
    ALIASES,
    OPTIONS
};

static const char *const alias_choices[] = {"home", "always", "never", NULL};
static const char *const when_choices[] = {"emptied", "fewer", NULL};

#define OPTION(option_type, option_key, option_default, option_help)                               \
    &(const struct hb_option)                                                                      \
    {                                                                                              \
        .size = sizeof(struct hb_option), .type = (option_type), .key = (option_key),              \
        .default_text = (option_default), .help = (option_help)                                    \
    }

static const struct hb_option *const options[OPTIONS] = {
    [PROFILES] = OPTION(
        HB_OPTION_STRING, "profiles", "profiles",
        "Directory of the home that holds the profiles, one directory each; empty: there are none"),
    [PROFILE_FILES] = OPTION(HB_OPTION_LIST, "profile-files", "config.yaml .env",
                             "A directory there is a profile if it has one of these files"),
    [PROGRAM] = OPTION(HB_OPTION_STRING, "program", "hermes",
                       "Command that aliases start, searched for in PATH"),
    [PROGRAM_DIRECTORY] = OPTION(HB_OPTION_STRING, "program-directory", "hermes-agent",
                                 "Directory of the home that holds the program; if it is missing, "
                                 "an import says how to get it; empty: say nothing"),
    [ALIAS_DIRECTORY] = OPTION(HB_OPTION_STRING, "alias-directory", "~/.local/bin",
                               "Directory in which aliases are made; ~ expands"),
    [RESERVED] = OPTION(HB_OPTION_LIST, "reserved", "hermes default test tmp root sudo",
                        "Names that no alias may have"),
    [SUBCOMMANDS] =
        OPTION(HB_OPTION_LIST, "subcommands",
               "chat model gateway setup whatsapp login logout status cron doctor dump config "
               "pairing skills tools mcp sessions insights version update uninstall profile "
               "plugins honcho acp",
               "Subcommands of the program; no alias may have one of these names either"),
    [JOBS_FILE] = OPTION(HB_OPTION_STRING, "jobs-file", "cron/jobs.json",
                         "File of the home that guard compares with its copy in a snapshot"),
    [JOBS_MEMBER] = OPTION(
        HB_OPTION_STRING, "jobs-member", "jobs",
        "Member of the JSON object in that file; the length of this list is the number of jobs"),
    [WHEN] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_CHOICE,
            .key = "when",
            .default_text = "emptied",
            .choices = when_choices,
            .help = "When guard puts the file back: emptied, if no job is left; fewer, if fewer "
                    "jobs are left than there were"},
    [ALIASES] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_CHOICE,
            .key = "aliases",
            .default_text = "home",
            .choices = alias_choices,
            .help = "When an import makes aliases: home, into the home that the configuration "
                    "names; always, also into another one (--home); never"},
};

/* ---- the settings ------------------------------------------------------------------------- */

/* A path below the home as the host takes it: no leading or trailing "/", no ".", "..", "//". */
static bool is_relative_path(const char *path)
{
    for (const char *part = path;; part++) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 0 || (bytes == 1 && part[0] == '.') ||
            (bytes == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += bytes;
        if (*part == '\0')
            return true;
    }
}

static int check_paths(const struct hb_host *host, const struct hb_settings *settings)
{
    static const size_t paths[] = {PROFILES, PROGRAM_DIRECTORY, JOBS_FILE};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *path = settings->values[paths[i]]->text;
        bool may_be_empty = paths[i] != JOBS_FILE;
        if (!is_relative_path(path) && (*path != '\0' || !may_be_empty))
            return host->fail(host, HB_STATUS_FATAL, "[%s] %s: '%s' is not a path below the home",
                              settings->section, options[paths[i]]->key, path);
    }
    const struct hb_value *files = settings->values[PROFILE_FILES];
    for (size_t i = 0; i < files->list_count; i++)
        if (strchr(files->list[i], '/') != NULL || files->list[i][0] == '\0')
            return host->fail(host, HB_STATUS_FATAL, "[%s] profile-files: '%s' is not a file name",
                              settings->section, files->list[i]);
    return HB_OK;
}

static int check_settings(const struct hb_host *host, const struct hb_settings *settings)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *program = settings->values[PROGRAM]->text;
    const char *directory = settings->values[ALIAS_DIRECTORY]->text;
    /* It stands in the mark, and in a comment of a script. */
    if (*program == '\0' || program[strspn(program, plain)] != '\0')
        return host->fail(host, HB_STATUS_FATAL,
                          "[%s] program: '%s' is not the plain name of a command",
                          settings->section, program);
    if (*directory != '/' && strcmp(directory, "~") != 0 && strncmp(directory, "~/", 2) != 0)
        return host->fail(host, HB_STATUS_FATAL,
                          "[%s] alias-directory: '%s' does not begin with / or ~/",
                          settings->section, directory);
    return check_paths(host, settings);
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    int status = check_settings(host, settings);
    if (status != HB_OK)
        return status;
    struct hermes *hermes = malloc(sizeof *hermes);
    if (hermes == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *hermes = (struct hermes){
        .host = host,
        .section = settings->section,
        .aliases = (enum hermes_aliases)settings->values[ALIASES]->number,
        .profiles = settings->values[PROFILES]->text,
        .profile_files = settings->values[PROFILE_FILES]->list,
        .program = settings->values[PROGRAM]->text,
        .program_directory = settings->values[PROGRAM_DIRECTORY]->text,
        .alias_directory = settings->values[ALIAS_DIRECTORY]->text,
        .reserved = settings->values[RESERVED]->list,
        .subcommands = settings->values[SUBCOMMANDS]->list,
        .jobs_file = settings->values[JOBS_FILE]->text,
        .jobs_member = settings->values[JOBS_MEMBER]->text,
        .when_fewer = settings->values[WHEN]->number == 1,
    };
    *self = hermes;
    return HB_OK;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- the events ----------------------------------------------------------------------------- */

static int after(void *self, const struct hb_event *event)
{
    if (strcmp(event->command, "import") != 0)
        return HB_OK;
    return hermes_after_import(self, event);
}

/* The only command. */
static int run(void *self, const struct hb_invocation *invocation)
{
    return hermes_guard(self, invocation);
}

static const struct hb_option dry_run = {
    .size = sizeof dry_run,
    .type = HB_OPTION_BOOLEAN,
    .key = "dry-run",
    .default_text = "no",
    .help = "show what would be put back, change nothing",
};
static const struct hb_operand snapshot = {
    .size = sizeof snapshot, .kind = HB_OPERAND_SNAPSHOT, .key = "id", .name = "ID|NUMBER"};

static const struct hb_option *const guard_options[] = {&dry_run};
static const struct hb_operand *const guard_operands[] = {&snapshot};

static const struct hb_hook_command guard = {
    .size = sizeof guard,
    .name = "guard",
    .summary = "put back what an update emptied",
    .about =
        "Puts back what an update emptied: the hooks of the configuration compare the home with\n"
        "an earlier snapshot, named by its id or its number in `hbcore snapshot list`, and\n"
        "restore what is lost beyond doubt.",
    .end = "Exit status: 0 something was put back, or there was nothing to do; 1 it could not be\n"
           "put back, or there is no such snapshot, 2 wrong use or configuration, 3 something is\n"
           "doubtful, 5 another run works on the home.",
    .options = guard_options,
    .option_count = sizeof guard_options / sizeof *guard_options,
    .operands = guard_operands,
    .operand_count = sizeof guard_operands / sizeof *guard_operands,
};

static const struct hb_hook_command *const commands[] = {&guard, NULL};

static const struct hb_hook_ops ops = {
    .size = sizeof ops, .after = after, .commands = commands, .run = run};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = sizeof(struct hb_host),
    .name = "hermes",
    .version = "0.1.0",
    .summary = "Makes profile aliases after an import, and guards against lost jobs",
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_HOOK);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
