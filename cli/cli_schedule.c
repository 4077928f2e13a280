/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore schedule PRESET: what systemd or cron needs to make a backup at certain times. It is only
 * printed. Whoever installs it runs it later, elsewhere, without the variables of this shell: so
 * configuration and home are named in it.
 */
#include "backup/preset.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "commands.h"
#include "complain.h"
#include "schedule_cron.h"
#include "schedule_units.h"
#include "summary.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct schedule_options {
    struct hb_schedule_when when;
    const char *on_failure, *name;
    bool cron, system;
};

#define AT(member) offsetof(struct schedule_options, member)

static const struct hb_cli_option table[] = {
    {"daily", 0, "HH:MM", "every day at this time; default: 03:00", .takes = HB_TAKES_TEXT,
     .offset = AT(when.daily)},
    {"hourly", 0, NULL, "every hour", .offset = AT(when.hourly)},
    {"weekly", 0, "WHEN", "every week: --weekly \"Sun 03:00\"", .takes = HB_TAKES_TEXT,
     .offset = AT(when.weekly)},
    {"calendar", 0, "EVENT", "when systemd.time(7) says: --calendar \"Mon..Fri 03:00\"",
     .takes = HB_TAKES_TEXT, .offset = AT(when.calendar)},
    {"cron", 0, NULL, "lines for cron in place of units of systemd", .offset = AT(cron)},
    {"system", 0, NULL, "for the machine, as root, in place of this user", .offset = AT(system)},
    {"on-failure", 0, "UNIT", "the unit that systemd starts where a run fails",
     .takes = HB_TAKES_TEXT, .offset = AT(on_failure)},
    {"name", 0, "NAME",
     "what the units are called; default: the name of the preset,\n"
     "which two homes may share",
     .takes = HB_TAKES_TEXT, .offset = AT(name)},
    {0},
};

static const struct hb_meant meant[] = {
    {"--preset", "name the preset itself: `hbcore schedule NAME`"},
    {"--monthly", "use --calendar \"*-*-01 03:00\""},
    {"--at", "use --daily HH:MM"},
    {"--user", "units of the user are printed without --system"},
    {"--systemd", "units of systemd are printed without --cron"},
    {0},
};

static int check(const struct hb_cli *cli, const void *parsed)
{
    const struct schedule_options *options = parsed;
    const struct hb_schedule_when *when = &options->when;
    static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *name = options->name;
    if ((when->daily != NULL) + when->hourly + (when->weekly != NULL) + (when->calendar != NULL) >
        1)
        return hb_cli_usage(cli, "schedule",
                            "--daily, --hourly, --weekly and --calendar are not used together");
    if (name != NULL && (*name == '\0' || name[strspn(name, valid)] != '\0'))
        return hb_cli_usage(cli, "schedule",
                            "--name: '%s' is no name: use letters, digits, '-', '_' and '.'", name);
    if (cli->sets.count > 0)
        return hb_cli_usage(cli, "schedule",
                            "--set would not be there when it runs: write it into a configuration");
    return 0;
}

/* ---- what is named in it ------------------------------------------------------------------- */

/*
 * This program by the name that $PATH has for it, which stays when a package is upgraded; else by
 * its own path. Caller frees; NULL: there is none any more.
 */
static char *find_program(void)
{
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    struct stat self, other;
    own[length < 0 ? 0 : length] = '\0';
    if (length <= 0 || stat(own, &self) != 0)
        return NULL;
    const char *path = getenv("PATH");
    for (const char *at = path == NULL ? "" : path; *at != '\0'; at += *at == ':') {
        size_t bytes = strcspn(at, ":");
        HB_AUTO_FREE char *named = hb_text("%.*s/hbcore", (int)bytes, at);
        if (*named == '/' && stat(named, &other) == 0 && other.st_dev == self.st_dev &&
            other.st_ino == self.st_ino)
            return hb_copy_text(named);
        at += bytes;
    }
    return hb_copy_text(own);
}

/* What a terminal obeys, and what would end a line, has no place in a unit. */
static int check_shown(const char *path, struct hb_error *error)
{
    HB_AUTO_FREE char *shown = hb_printable(path);
    if (strcmp(shown, path) == 0)
        return HB_EXIT_DONE;
    hb_error_set(error, HB_STATUS_FATAL,
                 "%s: a name with such characters cannot stand in a unit or a line of cron", path);
    hb_error_hint(error, "name a symbolic link to it");
    return HB_EXIT_USAGE;
}

/*
 * *home: where the one that was named here, or by a variable, is needed to find the same one later;
 * for root also that of the configuration, in which ~ is another one. NULL: it is not needed.
 */
static int find_home(struct hb_session *session, bool system, char **home)
{
    const char *variable = hb_config_home(session->config)->variable;
    const char *value = *variable == '\0' ? NULL : getenv(variable);
    bool needed = session->cli->home != NULL || (value != NULL && *value != '\0') || system;
    HB_AUTO_FREE char *path = NULL;
    int code = hb_session_find_home(session, false, "schedule PRESET", &path);
    if (code != 0 || !needed)
        return code;
    *home = hb_absolute(path);
    if (*home != NULL)
        return check_shown(*home, &session->error);
    hb_error_set(&session->error, HB_STATUS_FATAL, "%s: " HB_NO_CURRENT_TEXT, path);
    return HB_EXIT_FAILED;
}

/* The command that prints it again, wherever it is typed. Caller frees. */
static char *made_by(const struct schedule_options *options, const struct hb_schedule *schedule)
{
    const struct {
        const char *name, *value;
    } typed[] = {
        {"daily", options->when.daily},
        {"weekly", options->when.weekly},
        {"calendar", options->when.calendar},
        {"on-failure", options->on_failure},
        {"name", options->name},
    };
    struct hb_cli named = {.config_path = schedule->config, .home = schedule->home};
    HB_AUTO_FREE char *global = hb_cli_typed_options(&named);
    char *text = hb_text("hbcore%s schedule%s%s%s", global, options->when.hourly ? " --hourly" : "",
                         options->cron ? " --cron" : "", options->system ? " --system" : "");
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        if (typed[i].value == NULL)
            continue;
        HB_AUTO_FREE char *before = text;
        HB_AUTO_FREE char *word = hb_shell_word(typed[i].value);
        text = hb_text("%s --%s %s", before, typed[i].name, word);
    }
    HB_AUTO_FREE char *before = text;
    return hb_text("%s%s %s", before, *schedule->preset == '-' ? " --" : "", schedule->preset);
}

/* Where systemd looks for units. Caller frees. */
static char *unit_directory(bool system)
{
    const char *base = getenv("XDG_CONFIG_HOME");
    if (system)
        return hb_copy_text("/etc/systemd/system");
    return base != NULL && *base == '/' ? hb_text("%s/systemd/user", base)
                                        : hb_expand_tilde("~/.config/systemd/user");
}

/* ---- what is printed ----------------------------------------------------------------------- */

static void print_json(const struct hb_cli *cli, const struct hb_schedule *schedule,
                       const struct hb_printed *printed)
{
    json_t *files = json_array(), *commands = json_array();
    for (size_t i = 0; i < printed->file_count; i++)
        json_array_append_new(files, json_pack("{s:s?, s:s}", "path", printed->files[i].path,
                                               "text", printed->files[i].text));
    for (size_t i = 0; i < printed->command_count; i++)
        json_array_append_new(commands, json_string(printed->commands[i]));
    hb_json_line(cli->out, json_pack("{s:s, s:s, s:o, s:o}", "type", "schedule", "preset",
                                     schedule->preset, "files", files, "commands", commands));
}

/* Root's hbcore takes no configuration that another user can write: hbcore.ini(5). */
static void add_owner(const struct hb_schedule *schedule, struct hb_printed *printed)
{
    struct stat status;
    if (!schedule->system || stat(schedule->config, &status) != 0 || status.st_uid == 0)
        return;
    HB_AUTO_FREE char *word = hb_shell_word(schedule->config);
    memmove(printed->commands + 1, printed->commands,
            printed->command_count++ * sizeof *printed->commands);
    printed->commands[0] = hb_text("sudo chown root %s", word);
}

static void print_head(FILE *out, const struct hb_schedule *schedule)
{
    fprintf(
        out,
        "# A backup of the preset %s %s; of its newest archive, a sample is checked each week,\n"
        "# and all of it each month. This was only printed: nothing is installed yet.\n#\n",
        schedule->preset, schedule->times.told);
    if (schedule->system)
        fputs("# It runs as root: ~ in the configuration is root's home then.\n#\n", out);
    if (schedule->sealed)
        fputs("# Its archives are sealed: both checks end with 3 each time where the secret key is "
              "not\n"
              "# configured, or where there are databases and no stage-dir in [backup] for copies "
              "of them.\n#\n",
              out);
}

static void print_commands(FILE *out, const struct hb_printed *printed)
{
    for (size_t i = 0; i < printed->command_count; i++)
        fprintf(out, "#   %s\n", printed->commands[i]);
}

/* A script of sh, for there are several files. */
static void print_units(FILE *out, const struct hb_schedule *schedule, const char *directory,
                        const struct hb_printed *printed)
{
    HB_AUTO_FREE char *below = hb_shell_word(directory);
    print_head(out, schedule);
    fprintf(out, "# Read it. Piped into sh, it writes these files:\n#   %s | %ssh\n#\n",
            schedule->made_by, schedule->system ? "sudo " : "");
    for (size_t i = 0; i < printed->file_count; i++)
        fprintf(out, "#   %s%s\n", printed->files[i].path,
                access(printed->files[i].path, F_OK) == 0 ? "   (replaces the one that is there)"
                                                          : "");
    fputs("#\n# Then type these: they start the timers, and the first backup at once", out);
    fputs(schedule->system ? ":\n"
                           : ";\n# the last one lets them run also while nobody is logged in:\n",
          out);
    print_commands(out, printed);
    fprintf(out, "\nset -e\nmkdir -p -- %s\n", below);
    for (size_t i = 0; i < printed->file_count; i++) {
        HB_AUTO_FREE char *path = hb_shell_word(printed->files[i].path);
        fprintf(out, "\ncat >%s <<'END'\n%sEND\n", path, printed->files[i].text);
    }
}

static void print_cron(FILE *out, const struct hb_schedule *schedule,
                       const struct hb_printed *printed)
{
    print_head(out, schedule);
    fputs(schedule->system
              ? "# Read it. This installs it:\n"
              : "# Read it. These lines go to the end of your crontab, which this opens:\n",
          out);
    print_commands(out, printed);
    fprintf(out, "\n%s", printed->files[0].text);
}

/* ---- the command --------------------------------------------------------------------------- */

static int make_and_print(struct hb_session *session, const struct hb_schedule *schedule)
{
    const struct schedule_options *options = session->options;
    const struct hb_cli *cli = session->cli;
    struct hb_printed printed = {0};
    HB_AUTO_FREE char *directory = unit_directory(options->system);
    int code = options->cron ? HB_EXIT_DONE : check_shown(directory, &session->error);
    if (code == HB_EXIT_DONE &&
        (options->cron
             ? hb_schedule_cron(schedule, &printed, &session->error)
             : hb_schedule_units(schedule, directory, &printed, &session->error)) != HB_OK)
        code = HB_EXIT_USAGE;
    if (code == HB_EXIT_DONE)
        add_owner(schedule, &printed);
    if (code == HB_EXIT_DONE && cli->json)
        print_json(cli, schedule, &printed);
    else if (code == HB_EXIT_DONE && options->cron)
        print_cron(cli->out, schedule, &printed);
    else if (code == HB_EXIT_DONE)
        print_units(cli->out, schedule, directory, &printed);
    hb_printed_clear(&printed);
    return code;
}

static int run(struct hb_session *session)
{
    const struct schedule_options *options = session->options;
    struct hb_preset preset;
    struct hb_schedule schedule = {.preset = session->arguments[0],
                                   .name = options->name == NULL ? session->arguments[0]
                                                                 : options->name,
                                   .config = hb_config_path(session->config),
                                   .on_failure = options->on_failure,
                                   .system = options->system};
    HB_AUTO_FREE char *home = NULL;
    HB_AUTO_FREE char *program = find_program();
    int status = hb_preset_find(session->config, schedule.preset, &preset, &session->error);
    schedule.sealed = status == HB_OK && *preset.seal != '\0' && strcmp(preset.seal, "none") != 0;
    hb_preset_clear(&preset);
    if (status != HB_OK)
        return HB_EXIT_USAGE;
    if (program == NULL) {
        hb_error_set(&session->error, HB_STATUS_FATAL,
                     "schedule: this program's own file cannot be found any more");
        hb_error_hint(&session->error, "call the hbcore that is installed now");
        return HB_EXIT_FAILED;
    }
    int code = check_shown(program, &session->error);
    if (code == HB_EXIT_DONE)
        code = check_shown(schedule.config, &session->error);
    if (code == HB_EXIT_DONE)
        code = find_home(session, options->system, &home);
    if (code != HB_EXIT_DONE)
        return code;
    schedule.program = program;
    schedule.home = home;
    HB_AUTO_FREE char *line = made_by(options, &schedule);
    schedule.made_by = line;
    status = hb_times_of(&options->when, &schedule.times, &session->error);
    code = status == HB_OK ? make_and_print(session, &schedule) : HB_EXIT_USAGE;
    hb_times_clear(&schedule.times);
    return code;
}

static const struct hb_form form = {
    .arguments = "PRESET", .wrong = "takes one preset", .values = {HB_VALUES_PRESETS}, .run = run};

const struct hb_command hb_command_schedule = {
    .name = "schedule",
    .group = HB_FOR_SETTING_UP,
    .summary = "print units or cron lines that make backups at certain times",
    .about =
        "Prints what systemd, or cron, needs to make a backup of a preset at certain times, to\n"
        "check a sample of its newest archive each week, and all of it each month. Nothing is\n"
        "installed: what is printed says where it belongs, and which commands to type next.",
    .end = "Exit status: 0 printed, 1 failed, 2 wrong use or configuration, or no such preset.",
    .forms = &form,
    .form_count = 1,
    .options = table,
    .meant = meant,
    .bytes = sizeof(struct schedule_options),
    .check = check,
};
