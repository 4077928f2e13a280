/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare codec: what it takes to read the files of a directory, compress them by all threads and
 * write the result, with no archive around it. No archiver that uses the same codec in the same way
 * is faster.
 *
 *   floor deflate|isal|zstd LEVEL THREADS DIRECTORY OUTPUT
 *
 * deflate: units of 1 MiB of one file, by libdeflate; those that others follow are walked with
 * zlib's inflate, as is needed to join them. isal: the same units by ISA-L, which joins them
 * itself. zstd: frames of 4 MiB over as many files as fit. Prints how many bytes were read and
 * written.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { DEFLATE_UNIT = 1 << 20, ZSTD_UNIT = 4 << 20, THREADS_MAX = 64, DESCRIPTORS = 64 };

struct segment {
    const char *path;
    uint64_t offset;
    size_t bytes;
    bool last; /* of its file */
};

struct list {
    struct segment *segments;
    size_t count, capacity;
    size_t unit_bytes;
};

struct work {
    struct list list;
    bool deflate, isal; /* one file a unit, in either case */
    int level, output;
    _Atomic uint64_t taken, raw, written; /* segments, bytes */
    pthread_mutex_t lock;                 /* for `taken` */
};

/* What a thread owns. */
struct codec {
    struct libdeflate_compressor *deflate;
    ZSTD_CCtx *zstd;
    struct isal_zstream *isal;
    unsigned char *isal_buffer;
    z_stream inflate;
    unsigned char *plain, *packed, *again;
    size_t packed_bytes;
};

static struct list *walked; /* nftw passes nothing through */

static void die(const char *what, const char *name)
{
    fprintf(stderr, "floor: %s: %s: %s\n", name, what, strerror(errno));
    exit(1);
}

static void *allocate(size_t bytes)
{
    void *made = malloc(bytes);
    if (made == NULL)
        die("out of memory", "allocation");
    return made;
}

static void add_segment(struct list *list, struct segment segment)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 4096 : 2 * list->capacity;
        list->segments = realloc(list->segments, list->capacity * sizeof *list->segments);
        if (list->segments == NULL)
            die("out of memory", "plan");
    }
    list->segments[list->count++] = segment;
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)where;
    if (type != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    char *name = strdup(path);
    if (name == NULL)
        die("out of memory", path);
    uint64_t left = (uint64_t)status->st_size, offset = 0;
    do {
        size_t bytes = left < walked->unit_bytes ? (size_t)left : walked->unit_bytes;
        left -= bytes;
        add_segment(walked, (struct segment){name, offset, bytes, left == 0});
        offset += bytes;
    } while (left > 0);
    return 0;
}

static int by_name(const void *left, const void *right)
{
    const struct segment *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static size_t read_segment(const struct segment *segment, unsigned char *to)
{
    int fd = open(segment->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die("cannot open", segment->path);
    size_t done = 0;
    while (done < segment->bytes) {
        ssize_t got = pread(fd, to + done, segment->bytes - done, (off_t)(segment->offset + done));
        if (got < 0)
            die("cannot read", segment->path);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    close(fd);
    return done;
}

/* Where a joined stream would be cut: the walk alone, as that is what takes the time. */
static void find_last_block(struct codec *codec, size_t packed, size_t bytes)
{
    z_stream *stream = &codec->inflate;
    inflateReset(stream);
    stream->next_in = codec->packed;
    stream->avail_in = (uInt)packed;
    stream->next_out = codec->again;
    stream->avail_out = (uInt)bytes + 1;
    while (inflate(stream, Z_BLOCK) == Z_OK && (stream->data_type & 64) == 0)
        ;
    if (stream->total_out != bytes)
        die("does not decompress to what went in", "inflate");
}

static size_t pack_deflate(struct codec *codec, size_t bytes, bool last)
{
    uint32_t crc = libdeflate_crc32(0, codec->plain, bytes);
    size_t packed = libdeflate_deflate_compress(codec->deflate, codec->plain, bytes, codec->packed,
                                                bytes == 0 ? 0 : bytes - 1);
    if (packed == 0) {
        memcpy(codec->packed, codec->plain, bytes);
        packed = bytes;
    } else if (!last) {
        find_last_block(codec, packed, bytes);
    }
    memcpy(codec->packed + packed, &crc, sizeof crc);
    return packed;
}

static size_t pack_isal(struct codec *codec, int level, size_t bytes, bool last)
{
    struct isal_zstream *stream = codec->isal;
    uint32_t crc = libdeflate_crc32(0, codec->plain, bytes);
    isal_deflate_stateless_init(stream);
    stream->level = (uint32_t)level;
    stream->level_buf = codec->isal_buffer;
    stream->level_buf_size = ISAL_DEF_LVL3_SMALL;
    stream->end_of_stream = last;
    stream->flush = last ? NO_FLUSH : FULL_FLUSH;
    stream->next_in = codec->plain;
    stream->avail_in = (uint32_t)bytes;
    stream->next_out = codec->packed;
    stream->avail_out = (uint32_t)(codec->packed_bytes - sizeof crc);
    if (isal_deflate_stateless(stream) != COMP_OK)
        die("cannot compress", "isa-l");
    size_t packed = stream->total_out;
    if (packed >= bytes) {
        memcpy(codec->packed, codec->plain, bytes);
        packed = bytes;
    }
    memcpy(codec->packed + packed, &crc, sizeof crc);
    return packed;
}

static void write_all(struct work *work, const unsigned char *data, size_t bytes)
{
    uint64_t at = atomic_fetch_add(&work->written, bytes);
    while (bytes > 0) {
        ssize_t put = pwrite(work->output, data, bytes, (off_t)at);
        if (put <= 0)
            die("cannot write", "output");
        data += put;
        at += (uint64_t)put;
        bytes -= (size_t)put;
    }
}

/* The next unit: one segment, or as many as fit into a frame. Returns how many. */
static size_t take(struct work *work, size_t *first)
{
    pthread_mutex_lock(&work->lock);
    size_t end = *first = (size_t)work->taken, bytes = 0;
    while (end < work->list.count) {
        bytes += work->list.segments[end].bytes;
        if (end > *first && (work->deflate || work->isal || bytes > work->list.unit_bytes))
            break;
        end++;
    }
    work->taken = end;
    pthread_mutex_unlock(&work->lock);
    return end - *first;
}

static void open_codec(const struct work *work, struct codec *codec)
{
    size_t unit = work->list.unit_bytes;
    *codec = (struct codec){.packed_bytes = ZSTD_compressBound(unit) + 64};
    codec->plain = allocate(unit);
    codec->packed = allocate(codec->packed_bytes);
    codec->again = allocate(unit + 1);
    if (work->deflate) {
        codec->deflate = libdeflate_alloc_compressor(work->level);
        if (codec->deflate == NULL || inflateInit2(&codec->inflate, -MAX_WBITS) != Z_OK)
            die("no such level", "deflate");
    } else if (work->isal) {
        codec->isal = calloc(1, sizeof *codec->isal);
        codec->isal_buffer = allocate(ISAL_DEF_LVL3_SMALL);
        if (codec->isal == NULL)
            die("out of memory", "isa-l");
    } else {
        codec->zstd = ZSTD_createCCtx();
        if (codec->zstd == NULL)
            die("out of memory", "zstd");
    }
}

static void close_codec(struct codec *codec)
{
    if (codec->deflate != NULL)
        inflateEnd(&codec->inflate);
    libdeflate_free_compressor(codec->deflate);
    ZSTD_freeCCtx(codec->zstd);
    free(codec->isal);
    free(codec->isal_buffer);
    free(codec->plain);
    free(codec->packed);
    free(codec->again);
}

static void *run(void *opaque)
{
    struct work *work = opaque;
    struct codec codec;
    size_t first, count;
    open_codec(work, &codec);
    while ((count = take(work, &first)) > 0) {
        size_t bytes = 0, packed;
        for (size_t i = first; i < first + count; i++)
            bytes += read_segment(&work->list.segments[i], codec.plain + bytes);
        bool last = work->list.segments[first].last;
        if (work->deflate)
            packed = pack_deflate(&codec, bytes, last);
        else if (work->isal)
            packed = pack_isal(&codec, work->level, bytes, last);
        else
            packed = ZSTD_compressCCtx(codec.zstd, codec.packed, codec.packed_bytes, codec.plain,
                                       bytes, work->level);
        if (codec.zstd != NULL && ZSTD_isError(packed))
            die("cannot compress", "zstd");
        atomic_fetch_add(&work->raw, bytes);
        write_all(work, codec.packed, packed);
    }
    close_codec(&codec);
    return NULL;
}

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *text == '\0' || *end != '\0' || value < 0 || value > 1000 ? -1 : (int)value;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    int count = argc == 6 ? number(argv[3]) : 0;
    if (count < 1 || count > THREADS_MAX ||
        (strcmp(argv[1], "deflate") != 0 && strcmp(argv[1], "isal") != 0 &&
         strcmp(argv[1], "zstd") != 0)) {
        fputs("usage: floor deflate|isal|zstd LEVEL THREADS DIRECTORY OUTPUT\n", stderr);
        return 2;
    }
    struct work work = {
        .deflate = argv[1][0] == 'd', .isal = argv[1][0] == 'i', .level = number(argv[2])};
    work.list.unit_bytes = argv[1][0] == 'z' ? ZSTD_UNIT : DEFLATE_UNIT;
    walked = &work.list;
    if (nftw(argv[4], visit, DESCRIPTORS, FTW_PHYS) != 0)
        die("cannot walk", argv[4]);
    if (work.list.count > 0)
        qsort(work.list.segments, work.list.count, sizeof *work.list.segments, by_name);
    work.output = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (work.output < 0)
        die("cannot create", argv[5]);
    pthread_mutex_init(&work.lock, NULL);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, &work) != 0)
            die("cannot start a thread", "pthread_create");
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("%llu %llu\n", (unsigned long long)work.raw, (unsigned long long)work.written);
    return close(work.output) == 0 ? 0 : 1;
}
