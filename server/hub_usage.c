#include "hub_usage.h"

#include "macro.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER(member) offsetof(struct hub_sample, member)

// The row of a sample in "numbers". Its order is that of usage_sample (migrations/0031-metering.sql),
// and of croft_usage_samples().
static const size_t numbers[] = {
    NUMBER(seq),
    NUMBER(mono_ns),
    NUMBER(cpu_ns),
    NUMBER(io_read_bytes),
    NUMBER(io_write_bytes),
    NUMBER(io_read_ops),
    NUMBER(io_write_ops),
    NUMBER(net_rx_bytes),
    NUMBER(net_tx_bytes),
    NUMBER(net_rx_packets),
    NUMBER(net_tx_packets),
    NUMBER(oom_kills),
    NUMBER(memory_bytes),
    NUMBER(memory_anon_bytes),
    NUMBER(disk_bytes),
    NUMBER(pids),
    NUMBER(net_rx_inside_bytes),
    NUMBER(net_tx_inside_bytes),
    NUMBER(net_rx_outside_bytes),
    NUMBER(net_tx_outside_bytes),
    NUMBER(net_gaps),
};

enum {
    HEAD_MAX = 512, // what stands around the lists
    DIGITS_MAX = 20, // of a number, with what is between it and the next
    COLUMNS_MAX = 2 * 37 + 36 + 3 + 1, // two ids, a time, the braces of a row, what ends fine
};

static size_t text_max(const struct hub_sample *samples, size_t count)
{
    size_t size = HEAD_MAX + count * (COLUMNS_MAX + ARRAY_LEN(numbers) * DIGITS_MAX);
    for (size_t i = 0; i < count; i++) {
        size += samples[i].fine ? strlen(samples[i].fine) : 0;
    }
    return size;
}

static char *put_text(char *to, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    memcpy(to, text ? text : "", len);
    return to + len;
}

// No counter is negative. printf() would take longer than all else here.
static char *put_number(char *to, int64_t number)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof(digits);
    uint64_t rest = (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + sizeof(digits) - at;
}

// Nothing in these texts has to be escaped: ids, times, digits (hub_message.c has looked at them).
static char *put_column(char *to, const struct hub_sample *samples, size_t count, size_t offset,
                        char between)
{
    for (size_t i = 0; i < count; i++) {
        const char *text;
        memcpy(&text, (const char *)&samples[i] + offset, sizeof(text));
        if (i > 0) {
            *to++ = between;
        }
        to = put_text(to, text);
    }
    return to;
}

static char *put_row(char *to, const struct hub_sample *sample)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t number;
        memcpy(&number, (const char *)sample + numbers[i], sizeof(number));
        *to++ = i > 0 ? ',' : '{';
        to = put_number(to, number);
    }
    *to++ = '}';
    return to;
}

char *hub_usage_text(const struct hub_usage *usage, const struct hub_sample *samples, size_t count)
{
    char *text = malloc(text_max(samples, count));
    if (!text) {
        abort();
    }
    char *to = text;
    to = put_text(to, "{\"batch\":");
    to = put_number(to, usage->batch);
    if (usage->boot) {
        to = put_text(to, ",\"boot\":\"");
        to = put_text(to, usage->boot);
        *to++ = '"';
    }
    if (usage->now_mono_ns > 0) { // a node's clock since its start is never 0
        to = put_text(to, ",\"now_mono_ns\":");
        to = put_number(to, usage->now_mono_ns);
    }
    to = put_text(to, ",\"vps\":\"{");
    to = put_column(to, samples, count, offsetof(struct hub_sample, vps), ',');
    to = put_text(to, "}\",\"boots\":\"{");
    to = put_column(to, samples, count, offsetof(struct hub_sample, boot), ',');
    to = put_text(to, "}\",\"ts\":\"{");
    to = put_column(to, samples, count, offsetof(struct hub_sample, ts), ',');
    to = put_text(to, "}\",\"fine\":\"");
    to = put_column(to, samples, count, offsetof(struct hub_sample, fine), '|');
    to = put_text(to, "\",\"numbers\":\"{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *to++ = ',';
        }
        to = put_row(to, &samples[i]);
    }
    to = put_text(to, "}\"}");
    *to = '\0';
    return text;
}
