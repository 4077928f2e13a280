/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlopen() believes what a file says of itself. It maps the segments at the lengths that stand in
 * the headers, and touches them: where the file ends earlier (a copy that was cut short, a full
 * disk) the process gets a SIGBUS, and dies with whatever command it was running. So the headers
 * are read here first, with read() and not mapped, by elf(5):
 *
 *   ELF header ──► program headers ──► PT_LOAD     each inside the file, in order, none on another
 *        │                      └────► PT_DYNAMIC  inside a loaded segment, ended by DT_NULL; each
 *        │                                         table that it names inside a loaded segment
 *        └───────► section headers     inside the file. The dynamic linker never reads them; but
 *                                      they stand at the end, and tell that nothing was cut off
 *
 * What is inside the tables is the linker's to read, and may still be wrong: trial.h.
 */
#include "plugin/elf_file.h"

#include "base/memory.h"
#include "files/io.h"
#include <elf.h>
#include <errno.h>
#include <hbcore/plugin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MOST_HEADERS = 512,
    MOST_DYNAMIC = 65536,
    MOST_NOTES = 4096,
    PAGE = 65536 /* the largest */
};

/* This program's own header: the linker places it. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

struct elf {
    int fd;
    const char *path;
    uint64_t bytes;
    Elf64_Ehdr header;
    Elf64_Phdr *segments;
    size_t segment_count;
};

static int refuse(const struct elf *elf, const char *what, struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: cannot be loaded: %s", elf->path, what);
    hb_error_hint(error, "the file is damaged, or not a plugin: install it again, or remove it");
    return HB_STATUS_FATAL;
}

static int damaged(const struct elf *elf, const char *what, struct hb_error *error)
{
    HB_AUTO_FREE char *text = hb_text("the file is damaged or cut short: %s", what);
    return refuse(elf, text, error);
}

static bool inside(const struct elf *elf, uint64_t offset, uint64_t bytes)
{
    return offset <= elf->bytes && bytes <= elf->bytes - offset;
}

/* ---- the header ---------------------------------------------------------------------------- */

/* As uname(1) calls them. */
static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {
        {EM_X86_64, "x86-64"},   {EM_386, "i386"},
        {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
        {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
        {EM_PPC, "ppc"},         {EM_S390, "s390x"},
        {EM_MIPS, "mips"},       {EM_LOONGARCH, "loongarch"},
        {EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == machine)
            return names[i].name;
    return NULL;
}

/* "32-bit arm", "64-bit machine 4711". Caller frees. */
static char *machine_of(const Elf64_Ehdr *header)
{
    bool big = header->e_ident[EI_DATA] == ELFDATA2MSB;
    bool swapped = header->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA];
    unsigned number = swapped ? __builtin_bswap16(header->e_machine) : header->e_machine;
    const char *bits = header->e_ident[EI_CLASS] == ELFCLASS32 ? "32-bit" : "64-bit";
    const char *name = machine_name(number);
    if (name == NULL)
        return hb_text("%s machine %u%s", bits, number, big ? ", big-endian" : "");
    return hb_text("%s %s%s", bits, name, big ? ", big-endian" : "");
}

static int other_machine(const struct elf *elf, struct hb_error *error)
{
    HB_AUTO_FREE char *made_for = machine_of(&elf->header);
    HB_AUTO_FREE char *own = machine_of(&__ehdr_start);
    hb_error_set(
        error, HB_STATUS_FATAL,
        "plugin %s: cannot be loaded: wrong architecture: made for %s, and this hbcore is %s",
        elf->path, made_for, own);
    hb_error_hint(error, "install the plugin's build for %s", own);
    return HB_STATUS_FATAL;
}

static int check_kind(const struct elf *elf, struct hb_error *error)
{
    const unsigned char *identity = elf->header.e_ident;
    if (identity[EI_CLASS] != ELFCLASS32 && identity[EI_CLASS] != ELFCLASS64)
        return damaged(elf, "its ELF header has an unknown class", error);
    if (identity[EI_DATA] != ELFDATA2LSB && identity[EI_DATA] != ELFDATA2MSB)
        return damaged(elf, "its ELF header has an unknown byte order", error);
    if (identity[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        identity[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        elf->header.e_machine != __ehdr_start.e_machine)
        return other_machine(elf, error);
    if (elf->header.e_type == ET_EXEC || elf->header.e_type == ET_REL)
        return refuse(elf,
                      elf->header.e_type == ET_EXEC
                          ? "this is a program, not a shared object"
                          : "this is an object file that was not linked, not a shared object",
                      error);
    if (elf->header.e_type != ET_DYN)
        return refuse(elf, "this is not a shared object", error);
    return HB_OK;
}

static int check_header(struct elf *elf, struct hb_error *error)
{
    if (elf->bytes == 0)
        return refuse(elf, "file too short: it is empty", error);
    memset(&elf->header, 0, sizeof elf->header);
    int64_t got = hb_read_all_at(elf->fd, &elf->header, sizeof elf->header, 0);
    if (got < 0)
        return refuse(elf, strerror((int)-got), error);
    if (got < SELFMAG || memcmp(elf->header.e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(elf, "invalid ELF header: this is not a shared object", error);
    if ((size_t)got < sizeof elf->header)
        return damaged(elf, "it ends within its ELF header", error);
    return check_kind(elf, error);
}

static int check_sections(const struct elf *elf, struct hb_error *error)
{
    const Elf64_Ehdr *header = &elf->header;
    if (header->e_shoff == 0)
        return HB_OK; /* they were removed */
    uint64_t table = (uint64_t)header->e_shnum * header->e_shentsize;
    if (header->e_shentsize != sizeof(Elf64_Shdr) || !inside(elf, header->e_shoff, table))
        return damaged(elf, "its section headers lie beyond its end", error);
    return HB_OK;
}

/* ---- segments ------------------------------------------------------------------------------ */

static int read_segments(struct elf *elf, struct hb_error *error)
{
    const Elf64_Ehdr *header = &elf->header;
    size_t bytes = (size_t)header->e_phnum * sizeof *elf->segments;
    if (header->e_phentsize != sizeof *elf->segments || header->e_phnum == 0 ||
        header->e_phnum > MOST_HEADERS || !inside(elf, header->e_phoff, bytes))
        return damaged(elf, "its program headers lie beyond its end, or are not such", error);
    elf->segments = hb_alloc(bytes);
    elf->segment_count = header->e_phnum;
    if (hb_read_all_at(elf->fd, elf->segments, bytes, header->e_phoff) != (int64_t)bytes)
        return damaged(elf, "its program headers cannot be read", error);
    return HB_OK;
}

/* *end: where the segment before ended in memory. */
static bool segment_is_right(const struct elf *elf, const Elf64_Phdr *segment, uint64_t *end)
{
    uint64_t last, align = segment->p_align == 0 ? 1 : segment->p_align;
    if (__builtin_add_overflow(segment->p_vaddr, segment->p_memsz, &last) || last >> 47 != 0)
        return false;
    bool right = inside(elf, segment->p_offset, segment->p_filesz) &&
                 segment->p_filesz <= segment->p_memsz && segment->p_vaddr >= *end &&
                 (align & (align - 1)) == 0 && (segment->p_vaddr - segment->p_offset) % align == 0;
    *end = last;
    return right;
}

/* In memory, in one segment with these rights? `beyond`: so far may it go over the end. */
static bool is_mapped(const struct elf *elf, uint64_t address, uint64_t bytes, unsigned flags,
                      uint64_t beyond)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & flags) == flags &&
            address >= segment->p_vaddr && address - segment->p_vaddr <= segment->p_memsz &&
            bytes <= segment->p_memsz - (address - segment->p_vaddr) + beyond)
            return true;
    }
    return false;
}

/*
 * What the linker makes read-only, or takes for notes and unwinding, is part of a segment; ld.lld
 * rounds what is made read-only up to a page.
 */
static bool part_is_right(const struct elf *elf, const Elf64_Phdr *part)
{
    bool apart = part->p_type == PT_GNU_STACK || part->p_type == PT_TLS;
    return inside(elf, part->p_offset, part->p_filesz) &&
           (apart || part->p_memsz == 0 ||
            is_mapped(elf, part->p_vaddr, part->p_memsz, 0, PAGE - 1));
}

static int check_segments(const struct elf *elf, struct hb_error *error)
{
    uint64_t end = 0;
    bool code = false;
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD && !segment_is_right(elf, segment, &end))
            return damaged(elf, "a segment lies beyond its end, or where it cannot be", error);
        if (segment->p_type == PT_LOAD)
            code = code || (segment->p_flags & PF_X) != 0;
        else if (!part_is_right(elf, segment))
            return damaged(elf, "a program header points beyond its end", error);
    }
    return code ? HB_OK : damaged(elf, "it has no code", error);
}

/* ---- the dynamic section ------------------------------------------------------------------- */

/* Is all of [address, address + bytes) loaded from the file? */
static bool is_loaded(const struct elf *elf, uint64_t address, uint64_t bytes, unsigned flags)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & flags) == flags &&
            address >= segment->p_vaddr && address - segment->p_vaddr <= segment->p_filesz &&
            bytes <= segment->p_filesz - (address - segment->p_vaddr))
            return true;
    }
    return false;
}

/* Of what is loaded. */
static uint64_t file_offset(const struct elf *elf, uint64_t address)
{
    const Elf64_Phdr *segment = elf->segments;
    while (segment->p_type != PT_LOAD || address - segment->p_vaddr >= segment->p_filesz)
        segment++;
    return address - segment->p_vaddr + segment->p_offset;
}

/* The tables that the linker reads, and what says how long they are: 0, nothing does. */
static const struct {
    Elf64_Sxword address, bytes;
    unsigned flags, align; /* of its rows */
} tables[] = {
    {DT_STRTAB, DT_STRSZ, PF_R, 1},
    {DT_SYMTAB, 0, PF_R, 8},
    {DT_HASH, 0, PF_R, 4},
    {DT_GNU_HASH, 0, PF_R, 4},
    {DT_RELA, DT_RELASZ, PF_R, 8},
    {DT_REL, DT_RELSZ, PF_R, 8},
    {DT_JMPREL, DT_PLTRELSZ, PF_R, 8},
    {DT_INIT_ARRAY, DT_INIT_ARRAYSZ, PF_R, 8},
    {DT_FINI_ARRAY, DT_FINI_ARRAYSZ, PF_R, 8},
    {DT_VERSYM, 0, PF_R, 2},
    {DT_VERNEED, 0, PF_R, 4},
    {DT_VERDEF, 0, PF_R, 4},
    {DT_RELR, DT_RELRSZ, PF_R, 8},
    {DT_INIT, 0, PF_X, 1},
    {DT_FINI, 0, PF_X, 1},
};

/* The first of that tag; NULL: none. The section ends with DT_NULL. */
static const Elf64_Dyn *find(const Elf64_Dyn *dynamic, Elf64_Sxword tag)
{
    for (; dynamic->d_tag != DT_NULL; dynamic++)
        if (dynamic->d_tag == tag)
            return dynamic;
    return NULL;
}

static bool tables_are_loaded(const struct elf *elf, const Elf64_Dyn *dynamic)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const Elf64_Dyn *address = find(dynamic, tables[i].address);
        const Elf64_Dyn *bytes = tables[i].bytes == 0 ? NULL : find(dynamic, tables[i].bytes);
        if (address != NULL && (address->d_un.d_ptr % tables[i].align != 0 ||
                                !is_loaded(elf, address->d_un.d_ptr,
                                           bytes == NULL ? 1 : bytes->d_un.d_val, tables[i].flags)))
            return false;
    }
    return true;
}

/* Names begin within the table of strings, which every shared object has. */
static bool names_are_right(const Elf64_Dyn *dynamic)
{
    const Elf64_Dyn *bytes = find(dynamic, DT_STRSZ);
    if (bytes == NULL || find(dynamic, DT_STRTAB) == NULL || find(dynamic, DT_SYMTAB) == NULL)
        return false;
    for (; dynamic->d_tag != DT_NULL; dynamic++)
        if ((dynamic->d_tag == DT_NEEDED || dynamic->d_tag == DT_SONAME ||
             dynamic->d_tag == DT_RPATH || dynamic->d_tag == DT_RUNPATH) &&
            dynamic->d_un.d_val >= bytes->d_un.d_val)
            return false;
    return true;
}

/* The linker writes where the relocations say: into this file's own memory, and nowhere else. */
static bool relocations_are_right(const struct elf *elf, const Elf64_Dyn *dynamic,
                                  Elf64_Sxword address_tag, Elf64_Sxword bytes_tag)
{
    const Elf64_Dyn *address = find(dynamic, address_tag), *bytes = find(dynamic, bytes_tag);
    if (bytes == NULL ? address == NULL : bytes->d_un.d_val == 0)
        return true;
    if (address == NULL || bytes == NULL || bytes->d_un.d_val % sizeof(Elf64_Rela) != 0)
        return false;
    size_t size = bytes->d_un.d_val; /* within the file: tables_are_loaded() */
    HB_AUTO_FREE Elf64_Rela *rows = hb_alloc(size + 1);
    if (hb_read_all_at(elf->fd, rows, size, file_offset(elf, address->d_un.d_ptr)) != (int64_t)size)
        return false;
    for (size_t i = 0; i < size / sizeof *rows; i++)
        if (!is_mapped(elf, rows[i].r_offset, sizeof(Elf64_Addr), PF_W, 0))
            return false;
    return true;
}

static int check_dynamic(const struct elf *elf, struct hb_error *error)
{
    const Elf64_Phdr *segment = elf->segments, *end = segment + elf->segment_count;
    while (segment < end && segment->p_type != PT_DYNAMIC)
        segment++;
    if (segment == end)
        return damaged(elf, "it has no dynamic section", error);
    uint64_t count = segment->p_filesz / sizeof(Elf64_Dyn);
    if (count == 0 || count > MOST_DYNAMIC || segment->p_vaddr % _Alignof(Elf64_Dyn) != 0 ||
        !is_loaded(elf, segment->p_vaddr, segment->p_filesz, PF_R))
        return damaged(elf, "its dynamic section lies beyond its end", error);
    HB_AUTO_FREE Elf64_Dyn *dynamic = hb_alloc(count * sizeof *dynamic);
    int64_t bytes = (int64_t)(count * sizeof *dynamic);
    if (hb_read_all_at(elf->fd, dynamic, (size_t)bytes, segment->p_offset) != bytes)
        return damaged(elf, "its dynamic section cannot be read", error);
    uint64_t used = 0;
    while (used < count && dynamic[used].d_tag != DT_NULL)
        used++;
    if (used == count || !names_are_right(dynamic) || !tables_are_loaded(elf, dynamic) ||
        !relocations_are_right(elf, dynamic, DT_RELA, DT_RELASZ) ||
        !relocations_are_right(elf, dynamic, DT_JMPREL, DT_PLTRELSZ))
        return damaged(elf, "its dynamic section points beyond its end", error);
    return HB_OK;
}

/* ---- notes --------------------------------------------------------------------------------- */

/* Rows of (bytes of the owner, bytes of the value, type), owner, value, each padded to 4. */
static uint32_t kind_in(const unsigned char *notes, size_t bytes)
{
    for (size_t at = 0; bytes - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr row;
        struct hb_plugin_note note;
        memcpy(&row, notes + at, sizeof row);
        memcpy(&note, notes + at, bytes - at < sizeof note ? bytes - at : sizeof note);
        if (bytes - at >= sizeof note && row.n_namesz == sizeof HB_PLUGIN_NOTE_OWNER &&
            row.n_descsz == sizeof note.value && row.n_type == HB_PLUGIN_NOTE_KIND &&
            memcmp(note.owner, HB_PLUGIN_NOTE_OWNER, sizeof HB_PLUGIN_NOTE_OWNER) == 0)
            return note.value;
        uint64_t next = sizeof row + ((uint64_t)row.n_namesz + 3) / 4 * 4 +
                        ((uint64_t)row.n_descsz + 3) / 4 * 4;
        if (next > bytes - at)
            break;
        at += next;
    }
    return 0;
}

static uint32_t kind_of(const struct elf *elf)
{
    unsigned char notes[MOST_NOTES];
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_NOTE || segment->p_align > 4 ||
            segment->p_filesz > sizeof notes ||
            hb_read_all_at(elf->fd, notes, segment->p_filesz, segment->p_offset) !=
                (int64_t)segment->p_filesz)
            continue;
        uint32_t kind = kind_in(notes, segment->p_filesz);
        if (kind != 0)
            return kind;
    }
    return 0;
}

uint32_t hb_elf_kind(int fd)
{
    struct stat status;
    struct hb_error ignored; /* who loads it is told */
    struct elf elf = {.fd = fd, .path = ""};
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return 0;
    elf.bytes = (uint64_t)status.st_size;
    uint32_t kind = 0;
    if (check_header(&elf, &ignored) == HB_OK && read_segments(&elf, &ignored) == HB_OK)
        kind = kind_of(&elf);
    free(elf.segments);
    return kind;
}

/* ---- the whole ----------------------------------------------------------------------------- */

int hb_elf_check(int fd, const char *path, struct hb_error *error)
{
    struct stat status;
    struct elf elf = {.fd = fd, .path = path};
    if (fstat(fd, &status) != 0)
        return refuse(&elf, strerror(errno), error);
    elf.bytes = (uint64_t)status.st_size;
    int result = check_header(&elf, error);
    if (result == HB_OK)
        result = check_sections(&elf, error);
    if (result == HB_OK)
        result = read_segments(&elf, error);
    if (result == HB_OK)
        result = check_segments(&elf, error);
    if (result == HB_OK)
        result = check_dynamic(&elf, error);
    free(elf.segments);
    return result;
}
