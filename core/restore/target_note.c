/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/target_note.h"

#include "base/memory.h"
#include "files/regular.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    COARSE_SECONDS = 2,           /* FAT's times */
    FINE_NANOSECONDS = 100000000, /* far more than a step of the clock that files get times from */
    CHUNK = 1 << 18
};

static const char letters[] = "-fldo?"; /* by enum hb_noted */

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

bool hb_target_note_is_racy(const struct hb_target_note *note, bool inodes_last,
                            const struct timespec *now)
{
    bool fine = inodes_last && note->nanoseconds != 0;
    int64_t since_seconds = now->tv_sec - COARSE_SECONDS, since_nanoseconds = 0;
    if (note->what != HB_NOTED_FILE)
        return false;
    if (fine) {
        since_seconds = now->tv_sec - (now->tv_nsec < FINE_NANOSECONDS);
        since_nanoseconds = now->tv_nsec - FINE_NANOSECONDS;
        if (since_nanoseconds < 0)
            since_nanoseconds += 1000000000;
    }
    return note->seconds > since_seconds ||
           (note->seconds == since_seconds && note->nanoseconds >= since_nanoseconds);
}

static bool hash_file(int fd, unsigned char hash[HB_NOTE_CONTENT_BYTES])
{
    XXH3_state_t *state = XXH3_createState();
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(CHUNK);
    ssize_t got = -1;
    if (state != NULL && XXH3_128bits_reset(state) == XXH_OK)
        do {
            got = read(fd, buffer, CHUNK);
            if (got > 0)
                XXH3_128bits_update(state, buffer, (size_t)got);
        } while (got > 0 || (got < 0 && errno == EINTR));
    if (got == 0) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
        memcpy(hash, canonical.digest, sizeof canonical.digest);
        hash[HB_NOTE_CONTENT_BYTES - 1] = 1;
    }
    XXH3_freeState(state);
    return got == 0;
}

void hb_note_open_file(int fd, unsigned char hash[HB_NOTE_CONTENT_BYTES])
{
    memset(hash, 0, HB_NOTE_CONTENT_BYTES);
    if (fd >= 0)
        hash_file(fd, hash);
}

void hb_note_file(int directory_fd, const char *name, unsigned char hash[HB_NOTE_CONTENT_BYTES])
{
    HB_AUTO_CLOSE int fd = hb_open_regular(directory_fd, name, O_RDONLY);
    hb_note_open_file(fd, hash);
}

bool hb_file_is_as_noted(int directory_fd, const char *name,
                         const unsigned char hash[HB_NOTE_CONTENT_BYTES])
{
    unsigned char now[HB_NOTE_CONTENT_BYTES];
    hb_note_file(directory_fd, name, now);
    return now[HB_NOTE_CONTENT_BYTES - 1] == 1 && memcmp(now, hash, sizeof now) == 0;
}

/* Many thousands of these are written and read: by hand, in hexadecimal, behind a blank. */
static char *put_number(char *at, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    int shift = number == 0 ? 0 : (63 - __builtin_clzll(number)) / 4 * 4;
    *at++ = ' ';
    for (; shift >= 0; shift -= 4)
        *at++ = digits[number >> shift & 15];
    return at;
}

void hb_target_note_write(const struct hb_target_note *note,
                          const unsigned char content[HB_NOTE_CONTENT_BYTES],
                          char text[HB_NOTE_TEXT])
{
    char *at = text;
    *at++ = letters[note->what];
    if (note->what == HB_NOTED_FILE || note->what == HB_NOTED_LINK) {
        at = put_number(at, note->inode);
        at = put_number(at, note->bytes);
        at = put_number(at, (uint64_t)note->seconds);
        at = put_number(at, note->nanoseconds);
        at = put_number(at, note->mode);
    }
    if (note->has_content)
        *at++ = ' ';
    for (int i = 0; note->has_content && i < HB_NOTE_CONTENT_BYTES; i++)
        at += snprintf(at, 3, "%02x", (unsigned)content[i]);
    *at = '\0';
}

static int digit_of(char letter)
{
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                            : -1;
}

static bool take_number(const char **at, uint64_t most, uint64_t *number)
{
    const char *text = *at;
    int digits = 0;
    *number = 0;
    if (*text++ != ' ')
        return false;
    for (int digit; (digit = digit_of(*text)) >= 0; text++, digits++)
        *number = *number << 4 | (unsigned)digit;
    *at = text;
    return digits > 0 && digits <= 16 && *number <= most;
}

static bool take_content(const char *text, unsigned char content[HB_NOTE_CONTENT_BYTES])
{
    if (*text++ != ' ')
        return false;
    for (size_t i = 0; i < HB_NOTE_CONTENT_BYTES; i++, text += 2) {
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);
        if (low < 0)
            return false;
        content[i] = (unsigned char)(high << 4 | low);
    }
    return *text == '\0';
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
