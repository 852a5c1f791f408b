#include "record.h"

#include "file.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

static const uint8_t magic[4] = {0xC7, 'r', 'e', 'c'};

// CRC-32C (Castagnoli, RFC 3720 appendix B.4), a bit at a time: records are few and small.
static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82F63B78U & -(crc & 1));
        }
    }
    return ~crc;
}

static void put_u32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void record_header(const char *text, size_t len, uint8_t ret_header[RECORD_HEADER])
{
    memcpy(ret_header, magic, sizeof(magic));
    put_u32(ret_header + 4, (uint32_t)len);
    put_u32(ret_header + 8, crc32c((const uint8_t *)text, len));
}

int record_append(int fd, const char *text, size_t len, struct err *err)
{
    if (len > RECORD_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a record of %zu bytes", len);
    }
    uint8_t header[RECORD_HEADER];
    record_header(text, len, header);
    struct iovec parts[] = {{header, sizeof(header)}, {(void *)(uintptr_t)text, len}};
    ssize_t n = writev(fd, parts, ARRAY_LEN(parts));
    if (n < 0 && errno != EINTR) {
        return err_errno(err, errno, "appending a record");
    }
    size_t done = n > 0 ? (size_t)n : 0;
    if (done < sizeof(header)) {
        int r = file_write_all(fd, header + done, sizeof(header) - done, err);
        if (r < 0) {
            return r;
        }
        done = sizeof(header);
    }
    return file_write_all(fd, text + (done - sizeof(header)), len - (done - sizeof(header)), err);
}

static bool is_record(const uint8_t *data, size_t len, const char **ret_text, size_t *ret_len)
{
    if (len < RECORD_HEADER || memcmp(data, magic, sizeof(magic)) != 0) {
        return false;
    }
    size_t size = get_u32(data + 4);
    if (size > RECORD_MAX || size > len - RECORD_HEADER ||
        crc32c(data + RECORD_HEADER, size) != get_u32(data + 8)) {
        return false;
    }
    *ret_text = (const char *)data + RECORD_HEADER;
    *ret_len = size;
    return true;
}

bool record_next(const uint8_t *data, size_t len, size_t *offset, const char **ret_text,
                 size_t *ret_len)
{
    size_t at = *offset;
    while (at < len) {
        if (is_record(data + at, len - at, ret_text, ret_len)) {
            *offset = at + RECORD_HEADER + *ret_len;
            return true;
        }
        const uint8_t *next = memmem(data + at + 1, len - at - 1, magic, sizeof(magic));
        if (!next) {
            return false;
        }
        at = (size_t)(next - data);
    }
    return false;
}
