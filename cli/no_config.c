/* SPDX-License-Identifier: Apache-2.0 */
#include "no_config.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where those lie that were installed: below the prefix of the program. Caller frees. */
static char *find_examples(void)
{
    char program[PATH_MAX];
    struct stat status;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    char *found = hb_text("%s/" HBCORE_DATADIR "/hbcore", program);
    if (stat(found, &status) == 0 && S_ISDIR(status.st_mode))
        return found;
    free(found);
    return hb_copy_text(HBCORE_EXAMPLES);
}

/* "a.ini or b.ini": what is there to choose from. Caller frees. */
static char *name_examples(const char *directory)
{
    glob_t found = {0};
    HB_AUTO_FREE char *pattern = hb_text("%s/*.ini", directory);
    char *text = NULL;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            HB_AUTO_FREE char *before = text;
            text = hb_text("%s%s%s", before == NULL ? "" : before, before == NULL ? "" : " or ",
                           hb_base_name(found.gl_pathv[i]));
        }
    globfree(&found);
    return text == NULL ? hb_copy_text("generic.ini") : text;
}

void hb_cli_no_config(const struct hb_config *config, const struct hb_cli *cli, const char *command,
                      const char *what, struct hb_error *error)
{
    if (hb_config_path(config) != NULL)
        return;
    HB_AUTO_FREE char *directory = find_examples();
    HB_AUTO_FREE char *word = hb_shell_word(directory);
    HB_AUTO_FREE char *names = name_examples(directory);
    HB_AUTO_FREE char *home = cli->home == NULL ? NULL : hb_shell_word(cli->home);
    hb_error_set(error, HB_FATAL,
                 "there is no configuration file, and nothing else says %s: neither "
                 "~/.config/hbcore/hbcore.ini nor /etc/hbcore/hbcore.ini is there",
                 what);
    hb_error_hint(error, "type `hbcore --config %s/FILE --home %s %s`, with %s for FILE", word,
                  home == NULL ? "DIR" : home, command, names);
}
