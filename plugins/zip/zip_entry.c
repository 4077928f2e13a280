/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is the member? Zips come from systems that have no modes, and others that separate
 * directories by '\'; and a mode can be that of whatever the packer read from, such as a pipe. So
 * what has content is a file, unless its name says that it is a directory; and a pipe or a device
 * that has none is one, which no import makes.
 */
#include "zip_entry.h"

#include "zip_name.h"
#include "zip_time.h"

#include <string.h>
#include <sys/stat.h>

/* ---- kind ------------------------------------------------------------------------------- */

static bool has_mode(const struct zip_record *record)
{
    unsigned maker = record->made_by >> 8;
    return (maker == ZIP_MADE_BY_UNIX || maker == ZIP_MADE_BY_DARWIN) &&
           record->attributes >> 16 != 0;
}

/* Info-ZIP calls it so, and gives it the mode of what it read from: `true | zip nothing.zip -`. */
static bool is_standard_input(const struct zip_record *record)
{
    return record->name_bytes == 1 && record->name[0] == '-';
}

static uint32_t type_by_mode(const struct zip_record *record)
{
    bool empty = record->bytes == 0;
    switch (record->attributes >> 16 & S_IFMT) {
    case S_IFDIR:
        return empty ? HB_TYPE_DIRECTORY : HB_TYPE_FILE;
    case S_IFLNK:
        return HB_TYPE_SYMLINK;
    case S_IFIFO: /* of a pipe what it gave was stored */
    case S_IFCHR:
    case S_IFBLK:
    case S_IFSOCK:
        return empty && !is_standard_input(record) ? HB_TYPE_SPECIAL : HB_TYPE_FILE;
    default:
        return HB_TYPE_FILE; /* Python's zipfile leaves the type out */
    }
}

/* Some programs on MS-DOS and Windows say it by the attribute alone. */
static bool is_dos_directory(const struct zip_record *record)
{
    return record->made_by >> 8 == ZIP_MADE_BY_DOS && record->bytes == 0 &&
           (record->attributes & ZIP_DOS_DIRECTORY) != 0;
}

/* Of a directory Windows means something else by it: it does not keep anything from being made
 * there.
 */
static bool is_read_only(const struct zip_record *record, uint32_t type)
{
    return type == HB_TYPE_FILE && zip_is_windows(record) &&
           (record->attributes & ZIP_DOS_READ_ONLY) != 0;
}

/* ---- path ------------------------------------------------------------------------------- */

/* Where there is no '/', as Info-ZIP and libarchive do. */
static bool turn_slashes(const struct zip_record *record, char *name)
{
    if (!zip_is_windows(record) || strchr(name, '/') != NULL || strchr(name, '\\') == NULL)
        return false;
    for (char *at = name; *at != '\0'; at++)
        if (*at == '\\')
            *at = '/';
    return true;
}

static bool is_drive(const char *path)
{
    char letter = (char)(path[0] | 0x20);
    return letter >= 'a' && letter <= 'z' && path[1] == ':';
}

/* Is there a ".." with a backslash beside it? */
static bool climbs(const char *path)
{
    for (const char *part = path;; part++) {
        size_t bytes = strcspn(part, "/\\");
        bool before = part != path && part[-1] == '\\', behind = part[bytes] == '\\';
        if (bytes == 2 && part[0] == '.' && part[1] == '.' && (before || behind))
            return true;
        part += bytes;
        if (*part == '\0')
            return false;
    }
}

/*
 * On UNIX a file may be called "C:" or "..\x", and what this plugin wrote comes back as it was. In
 * an archive from elsewhere it is a place that the maker meant on Windows.
 */
const char *zip_entry_problem(const struct zip *zip, const struct zip_record *record,
                              const char *path)
{
    if (zip->index.has_trailer)
        return NULL;
    if (is_drive(path) && (zip_is_windows(record) || path[2] == '/' || path[2] == '\\'))
        return "is a place on a Windows drive, not below the home";
    if (climbs(path))
        return "contains '..\\'";
    return NULL;
}

/* ---- all of it -------------------------------------------------------------------------- */

unsigned zip_entry_of(const struct zip_record *record, char *name, struct hb_entry *entry)
{
    unsigned odd = 0;
    size_t bytes = zip_name_text(record, name);
    if (turn_slashes(record, name))
        odd |= ZIP_ODD_SLASHES;
    bool slash = name[bytes - 1] == '/';
    while (bytes > 1 && name[bytes - 1] == '/')
        name[--bytes] = '\0';
    *entry = (struct hb_entry){
        .size = sizeof *entry,
        .type = slash              ? HB_TYPE_DIRECTORY
                : has_mode(record) ? type_by_mode(record)
                                   : HB_TYPE_FILE,
        .path = name,
        .path_bytes = bytes,
        .bytes = record->bytes,
    };
    if (entry->type == HB_TYPE_FILE && is_dos_directory(record)) {
        entry->type = HB_TYPE_DIRECTORY;
        odd |= ZIP_ODD_DIRECTORY;
    }
    if (entry->type == HB_TYPE_DIRECTORY)
        entry->bytes = 0;
    if (has_mode(record)) {
        entry->mode = record->attributes >> 16 & 07777;
        entry->flags |= HB_ENTRY_HAS_MODE;
    } else if (is_read_only(record, entry->type)) {
        entry->flags |= HB_ENTRY_READ_ONLY;
    }
    entry->mtime = record->time;
    if (record->has_time || zip_time_from_dos(record->dos, &entry->mtime))
        entry->flags |= HB_ENTRY_HAS_MTIME;
    return odd;
}
