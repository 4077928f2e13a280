/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/target_note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

static const char letters[] = "-fldo?"; /* by enum hb_noted */

bool hb_inodes_last(int fd)
{
    /* FUSE, CIFS, SMB2, FAT, exFAT, 9p: linux/magic.h */
    static const unsigned long fleeting[] = {0x65735546, 0xff534d42, 0xfe534d42,
                                             0x4d44,     0x2011bab0, 0x01021997};
    struct statfs system;
    if (fstatfs(fd, &system) != 0)
        return false;
    for (size_t i = 0; i < sizeof fleeting / sizeof fleeting[0]; i++)
        if ((unsigned long)system.f_type == fleeting[i])
            return false;
    return true;
}

static uint8_t kind_of(const struct stat *status)
{
    if (status == NULL)
        return HB_NOTED_ABSENT;
    return S_ISREG(status->st_mode)   ? HB_NOTED_FILE
           : S_ISLNK(status->st_mode) ? HB_NOTED_LINK
           : S_ISDIR(status->st_mode) ? HB_NOTED_DIRECTORY
                                      : HB_NOTED_OTHER;
}

struct hb_target_note hb_target_note_of(const struct stat *status, bool inodes_last)
{
    struct hb_target_note note = {.what = kind_of(status)};
    if (status == NULL)
        return note;
    note.mode = status->st_mode & 0777;
    if (note.what != HB_NOTED_FILE && note.what != HB_NOTED_LINK)
        return note;
    note.inode = inodes_last ? (uint64_t)status->st_ino : 0;
    note.bytes = (uint64_t)status->st_size;
    note.seconds = status->st_mtim.tv_sec;
    note.nanoseconds = (uint32_t)status->st_mtim.tv_nsec;
    return note;
}

bool hb_target_is_as_noted(const struct hb_target_note *note, const struct stat *status)
{
    struct hb_target_note now = hb_target_note_of(status, note->inode != 0);
    return now.what == note->what && now.inode == note->inode && now.bytes == note->bytes &&
           now.seconds == note->seconds && now.nanoseconds == note->nanoseconds;
}

void hb_target_note_write(const struct hb_target_note *note,
                          const unsigned char content[HB_NOTE_CONTENT_BYTES],
                          char text[HB_NOTE_TEXT])
{
    int at = snprintf(text, HB_NOTE_TEXT, "%c", letters[note->what]);
    if (note->what == HB_NOTED_FILE || note->what == HB_NOTED_LINK)
        at = snprintf(text, HB_NOTE_TEXT, "%c %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx32 " %x",
                      letters[note->what], note->inode, note->bytes, (uint64_t)note->seconds,
                      note->nanoseconds, (unsigned)note->mode);
    if (!note->has_content)
        return;
    text[at++] = ' ';
    for (int i = 0; i < HB_NOTE_CONTENT_BYTES; i++)
        at += snprintf(text + at, 3, "%02x", (unsigned)content[i]);
}

/* A blank and a number in hexadecimal. */
static bool take_number(const char **at, uint64_t most, uint64_t *number)
{
    char *end;
    if (**at != ' ' || strspn(*at + 1, "0123456789abcdef") == 0)
        return false;
    errno = 0;
    *number = strtoull(*at + 1, &end, 16);
    *at = end;
    return errno == 0 && *number <= most;
}

static bool take_content(const char *text, unsigned char content[HB_NOTE_CONTENT_BYTES])
{
    if (*text != ' ' || strspn(text + 1, "0123456789abcdef") != HB_NOTE_CONTENT_BYTES * 2)
        return false;
    for (size_t i = 0; i < HB_NOTE_CONTENT_BYTES; i++) {
        const char digits[3] = {text[1 + 2 * i], text[2 + 2 * i], '\0'};
        content[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return text[1 + HB_NOTE_CONTENT_BYTES * 2] == '\0';
}

bool hb_target_note_read(const char *text, struct hb_target_note *note,
                         unsigned char content[HB_NOTE_CONTENT_BYTES])
{
    uint64_t numbers[5] = {0};
    const char *letter = *text == '\0' ? NULL : strchr(letters, *text), *at = text + 1;
    *note = (struct hb_target_note){.what = HB_NOTED_NOTHING};
    if (letter == NULL)
        return false;
    note->what = (uint8_t)(letter - letters);
    if (note->what == HB_NOTED_FILE || note->what == HB_NOTED_LINK) {
        static const uint64_t most[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 999999999, 0777};
        for (int i = 0; i < 5; i++)
            if (!take_number(&at, most[i], &numbers[i]))
                return false;
        note->inode = numbers[0];
        note->bytes = numbers[1];
        note->seconds = (int64_t)numbers[2];
        note->nanoseconds = (uint32_t)numbers[3];
        note->mode = (uint16_t)numbers[4];
    }
    note->has_content = *at != '\0';
    return !note->has_content || (note->what == HB_NOTED_FILE && take_content(at, content));
}
