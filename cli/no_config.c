/* SPDX-License-Identifier: Apache-2.0 */
#include "no_config.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "config/config_file.h"
#include "files/installed.h"
#include <glob.h>
#include <string.h>

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
    HB_AUTO_FREE char *example =
        hb_installed(HBCORE_DATADIR "/hbcore/generic.ini", HBCORE_EXAMPLES "/generic.ini");
    HB_AUTO_FREE char *directory =
        hb_copy_bytes(example, (size_t)(hb_base_name(example) - example) - 1);
    HB_AUTO_FREE char *word = hb_shell_word(directory);
    HB_AUTO_FREE char *names = name_examples(directory);
    HB_AUTO_FREE char *home = cli->home == NULL ? NULL : hb_shell_word(cli->home);
    const char *xdg = getenv("XDG_CONFIG_HOME");
    HB_AUTO_FREE char *own = xdg != NULL && *xdg == '/'
                                 ? hb_config_file_of_user()
                                 : hb_copy_text("~/.config/hbcore/hbcore.ini");
    hb_error_set(error, HB_FATAL,
                 "there is no configuration file, and nothing else says %s: neither "
                 "%s nor /etc/hbcore/hbcore.ini exists",
                 what, own);
    hb_error_hint(error, "type `hbcore --config %s/FILE --home %s %s`, with %s for FILE", word,
                  home == NULL ? "DIR" : home, command, names);
}
