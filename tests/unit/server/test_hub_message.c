#include "hub_message.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define TASK "019a0000-0000-7000-8000-000000000001"
#define VPS "019a0000-0000-7000-8000-000000000002"
#define NODE                                                                                       \
    "{\"kernel\":\"6.1.0\",\"cpus\":8,\"memory_bytes\":1,\"disk_bytes\":2,\"disk_free_bytes\":1,"  \
    "\"id_base\":1000000,\"id_count\":%s,\"cgroup\":\"%s\",\"apparmor\":false,\"lxcfs\":true,"     \
    "\"drivers\":{\"container\":\"lxc\",\"volume\":\"btrfs\",\"network\":\"routed\"},"             \
    "\"warnings\":[\"no AppArmor\"]}"
#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"agent\":\"0.1.0\",\"boot\":\"" TASK                                     \
    "\",\"name\":\"node1\",\"node\":" NODE ",\"images\":[],\"inventory\":[%s]}"
#define SAMPLE                                                                                     \
    "{\"vps\":\"" VPS "\",\"boot\":\"" TASK "\",\"seq\":%s,\"ts\":\"%s\",\"mono_ns\":0,"           \
    "\"cpu_ns\":%s,\"memory_bytes\":0,\"memory_anon_bytes\":0,\"disk_bytes\":0,"                   \
    "\"io_read_bytes\":0,\"io_write_bytes\":0,\"io_read_ops\":0,\"io_write_ops\":0,"               \
    "\"net_rx_bytes\":0,\"net_tx_bytes\":0,\"net_rx_packets\":0,\"net_tx_packets\":0,\"pids\":0,"  \
    "\"oom_kills\":0}"
#define USAGE "{\"type\":\"usage\",\"epoch\":7,\"batch\":981,\"samples\":[%s]}"

#define PROOF                                                                                      \
    "{\"type\":\"evidence\",\"epoch\":7,\"items\":[{\"vps\":\"" VPS "\",\"boot\":\"" TASK          \
    "\",\"ts\":\"2026-01-31T23:59:59Z\",\"limits\":[%s],\"cpu\":null,\"pressure\":%s,"             \
    "\"oom_kills\":1,\"kills\":[%s]}]}"
#define KILL                                                                                       \
    "{\"boot\":\"" TASK "\",\"seq\":9,\"ts\":\"2026-01-31T23:59:59Z\",\"process\":\"hog\","        \
    "\"pid\":7,\"memory_bytes\":4096,\"cause\":\"limit\"}"

static char buffer[8192];

static int read_text(const char *text, struct err *err)
{
    struct hub_message message = {0};
    *err = (struct err){0};
    int r = hub_message_read(text, strlen(text), &message, err);
    if (r == 0) {
        if (message.type != HUB_USAGE) {
            ck_assert_str_eq(message.text, text);
        }
        hub_message_finish(&message);
    }
    return r;
}

static void refused(const char *text, const char *pointer)
{
    struct err err;
    ck_assert_msg(read_text(text, &err) == ERR_PROTOCOL, "accepted: %s", text);
    ck_assert_int_eq(err.code, ERR_PROTOCOL);
    ck_assert_str_eq(err.pointer, pointer);
}

static void accepted(const char *text)
{
    struct err err;
    ck_assert_msg(read_text(text, &err) == 0, "%s at %s: %s", err.text, err.pointer, text);
}

static const char *hello(const char *id_count, const char *cgroup, const char *inventory)
{
    snprintf(buffer, sizeof(buffer), HELLO, id_count, cgroup, inventory);
    return buffer;
}

static const char *usage(const char *seq, const char *ts, const char *cpu)
{
    char sample[2048];
    snprintf(sample, sizeof(sample), SAMPLE, seq, ts, cpu);
    snprintf(buffer, sizeof(buffer), USAGE, sample);
    return buffer;
}

static const char *proof(const char *limits, const char *pressure, const char *kills)
{
    snprintf(buffer, sizeof(buffer), PROOF, limits, pressure, kills);
    return buffer;
}

START_TEST(every_documented_message_is_accepted)
{
    accepted(hello("65000", "v2", ""));
    accepted(
        hello("6500", "v1", "{\"vps\":\"" VPS "\",\"generation\":3,\"observed\":\"running\"}"));
    accepted("{\"type\":\"task_progress\",\"epoch\":7,\"task\":\"" TASK
             "\",\"progress\":40,\"step\":\"snapshot\"}");
    accepted("{\"type\":\"task_result\",\"epoch\":7,\"task\":\"" TASK
             "\",\"status\":\"failed\",\"vps\":\"" VPS
             "\",\"generation\":1,\"observed\":\"absent\",\"error\":{\"code\":\"disk_full\","
             "\"detail\":\"one\\ntwo\"}}");
    accepted("{\"type\":\"inventory\",\"epoch\":7,\"full\":true,\"fresh\":true,\"vps\":[]}");
    accepted("{\"type\":\"inventory\",\"epoch\":7,\"full\":true,\"vps\":[{\"vps\":\"" VPS
             "\",\"generation\":3,\"observed\":\"stopped\",\"error\":null}]}");
    accepted(usage("17", "2026-01-31T23:59:59.123456789Z", "9223372036854775807"));
    accepted("{\"type\":\"heartbeat\",\"epoch\":7,\"disk_free_bytes\":0,\"memory_free_bytes\":0,"
             "\"load_milli\":120}");
    accepted("{\"type\":\"heartbeat\",\"epoch\":7,\"pool_bytes\":9,\"disk_free_bytes\":0,"
             "\"memory_free_bytes\":0,\"load_milli\":120,\"alarms\":[{\"code\":\"lxcfs_down\","
             "\"detail\":\"\"}]}");
    accepted("{\"type\":\"drift\",\"epoch\":7,\"items\":[{\"kind\":\"veth\",\"name\":\"crv9\","
             "\"detail\":\"\"}]}");
    accepted("{\"type\":\"certificate_request\",\"epoch\":7,\"csr\":\"-----BEGIN\\n\"}");
}
END_TEST

START_TEST(evidence_is_looked_at_item_by_item)
{
    static const char memory[] = "{\"name\":\"memory\",\"used\":1,\"limit\":2,\"hits\":3}";
    accepted(proof(memory, "null", KILL));
    accepted(proof("{\"name\":\"iops\",\"used\":0}", "null", ""));
    accepted(proof("",
                   "{\"cpu\":{\"some\":[0,0,0,1],\"full\":null},\"memory\":{\"some\":[0,0,0,1],"
                   "\"full\":[0,0,0,1]},\"io\":{\"some\":[0,0,0,1],\"full\":[0,0,0,1]}}",
                   ""));
    refused(proof("{\"name\":\"luck\",\"used\":1}", "null", ""), "/items/0/limits/0/name");
    refused(proof("{\"name\":\"memory\",\"used\":-1}", "null", ""), "/items/0/limits/0/used");
    refused(proof(memory, "7", ""), "/items/0/pressure");
    refused(proof(memory,
                  "{\"cpu\":{\"some\":[0,0,1],\"full\":null},\"memory\":{\"some\":null,"
                  "\"full\":null},\"io\":{\"some\":null,\"full\":null}}",
                  ""),
            "/items/0/pressure");
    refused(proof(memory, "null", "{\"boot\":\"x\"}"), "/items/0/kills/0/boot");
    accepted("{\"type\":\"log\",\"epoch\":7,\"vps\":\"" VPS
             "\",\"text\":\"a\\nb\\tc\",\"truncated\":false}");
    refused("{\"type\":\"log\",\"epoch\":7,\"vps\":\"" VPS
            "\",\"text\":\"\\u001b[31m\",\"truncated\":false}",
            "/text");
}
END_TEST

START_TEST(what_is_no_message_is_refused)
{
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "\"hello\"",
                                        "{",
                                        "{}x",
                                        "{\"type\":\"heartbeat\",\"type\":\"heartbeat\"}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err;
        ck_assert_msg(read_text(texts[i], &err) == ERR_PROTOCOL, "accepted: %s", texts[i]);
    }
    refused("{\"type\":\"welcome\"}", "/type");
    refused("{\"type\":7}", "/type");
    refused("{\"epoch\":7}", "/type");
}
END_TEST

START_TEST(unknown_and_missing_fields_are_refused)
{
    refused("{\"type\":\"heartbeat\",\"epoch\":7,\"disk_free_bytes\":0,\"memory_free_bytes\":0,"
            "\"load_milli\":120,\"more\":1}",
            "/more");
    refused("{\"type\":\"heartbeat\",\"epoch\":7,\"disk_free_bytes\":0,\"memory_free_bytes\":0}",
            "/load_milli");
    refused("{\"type\":\"heartbeat\",\"epoch\":7,\"disk_free_bytes\":0,\"memory_free_bytes\":0,"
            "\"load_milli\":1,\"alarms\":[{\"code\":\"x\"}]}",
            "/alarms/0/detail");
    refused("{\"type\":\"drift\",\"epoch\":7,\"items\":[{\"kind\":\"\",\"name\":\"x\",\"detail\":"
            "\"\"}]}",
            "/items/0/kind");
    refused("{\"type\":\"drift\",\"epoch\":7,\"items\":{}}", "/items");
}
END_TEST

START_TEST(values_out_of_range_are_refused_with_their_place)
{
    refused(hello("65000", "v3", ""), "/node/cgroup");
    refused(hello("65535", "v1", ""), "/node/id_count"); // past the last id
    refused(hello("0", "v1", ""), "/node/id_count");
    refused(hello("10", "v1", "{\"vps\":\"" VPS "\",\"generation\":3,\"observed\":\"gone\"}"),
            "/inventory/0/observed");
    refused(hello("10", "v1", "{\"vps\":\"../etc\",\"generation\":3,\"observed\":\"absent\"}"),
            "/inventory/0/vps");
    refused(usage("0", "2026-01-31T23:59:59Z", "1"), "/samples/0/seq");
    refused(usage("1", "2026-01-31T23:59:59Z", "-1"), "/samples/0/cpu_ns");
    refused(usage("1", "2026-01-31T23:59:59Z", "1.5"), "/samples/0/cpu_ns");
    refused("{\"type\":\"task_progress\",\"epoch\":0,\"task\":\"" TASK
            "\",\"progress\":40,\"step\":\"\"}",
            "/epoch");
    refused("{\"type\":\"task_result\",\"epoch\":7,\"task\":\"" TASK
            "\",\"status\":\"failed\",\"vps\":\"" VPS
            "\",\"generation\":1,\"observed\":\"absent\"}",
            "/error");
}
END_TEST

// What PostgreSQL reads, in the order in which it reads it.
START_TEST(usage_is_told_by_column)
{
    static const char counted[] =
        "{\"fine\":\"0,10000,7;10,10000,8\",\"net_gaps\":21,\"net_tx_outside_bytes\":20,"
        "\"net_rx_outside_bytes\":19,\"net_tx_inside_bytes\":18,\"net_rx_inside_bytes\":17,"
        "\"pids\":16,\"disk_bytes\":15,\"memory_anon_bytes\":14,\"memory_bytes\":13,"
        "\"oom_kills\":12,\"net_tx_packets\":11,\"net_rx_packets\":10,\"net_tx_bytes\":9,"
        "\"net_rx_bytes\":8,\"io_write_ops\":7,\"io_read_ops\":6,\"io_write_bytes\":5,"
        "\"io_read_bytes\":4,\"cpu_ns\":3,\"mono_ns\":9223372036854775807,\"seq\":1,"
        "\"ts\":\"2026-01-31T23:59:59Z\",\"boot\":\"" TASK "\",\"vps\":\"" VPS "\"}";
    char sample[2048];
    snprintf(sample, sizeof(sample), SAMPLE, "5", "2026-01-31T23:59:58.5Z", "6");
    snprintf(buffer, sizeof(buffer),
             "{\"type\":\"usage\",\"epoch\":7,\"batch\":981,\"boot\":\"" TASK
             "\",\"now_mono_ns\":77,\"samples\":[%s,%s,%s]}",
             counted, sample, sample);
    struct hub_message message;
    struct err err;
    ck_assert_int_eq(hub_message_read(buffer, strlen(buffer), &message, &err), 0);
    ck_assert_str_eq(
        message.text,
        "{\"batch\":981,\"boot\":\"" TASK "\",\"now_mono_ns\":77,\"vps\":\"{" VPS "," VPS "," VPS
        "}\",\"boots\":\"{" TASK "," TASK "," TASK
        "}\",\"ts\":\"{2026-01-31T23:59:59Z,2026-01-31T23:59:58.5Z,"
        "2026-01-31T23:59:58.5Z}\",\"fine\":\"0,10000,7;10,10000,8||\","
        "\"numbers\":\"{{1,9223372036854775807,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,"
        "18,19,20,21},{5,0,6,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0},{5,0,6,0,0,0,0,0,0,0,"
        "0,0,0,0,0,0,0,0,0,0,0}}\"}");
    hub_message_finish(&message);
    snprintf(buffer, sizeof(buffer), USAGE, "");
    ck_assert_int_eq(hub_message_read(buffer, strlen(buffer), &message, &err), 0);
    ck_assert_str_eq(message.text, "{\"batch\":981,\"vps\":\"{}\",\"boots\":\"{}\",\"ts\":\"{}\","
                                   "\"fine\":\"\",\"numbers\":\"{}\"}");
    hub_message_finish(&message);
}
END_TEST

START_TEST(only_real_times_are_times)
{
    static const char *const wrong[] = {
        "2026-01-31T23:59:59+00:00", "2026-02-30T00:00:00Z",   "2026-01-31 23:59:59Zx",
        "2026-01-31T24:00:00Z.....", "2026-01-31T23:59:60Z",   "2026-01-31T23:59:59.Z",
        "0001-01-31T23:59:59Z",      "2026-1-31T23:59:59.00Z", "infinity............",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        refused(usage("1", wrong[i], "1"), "/samples/0/ts");
    }
}
END_TEST

START_TEST(a_later_message_of_the_same_key_replaces)
{
    static const char text[] = "{\"type\":\"task_progress\",\"epoch\":7,\"task\":\"" TASK
                               "\",\"progress\":40,\"step\":\"snapshot\"}";
    struct hub_message message;
    struct err err;
    ck_assert_int_eq(hub_message_read(text, strlen(text), &message, &err), 0);
    ck_assert_int_eq(message.type, HUB_TASK_PROGRESS);
    ck_assert_int_eq(message.epoch, 7);
    ck_assert_str_eq(message.key, "progress " TASK);
    hub_message_finish(&message);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_documented_message_is_accepted,
                                  evidence_is_looked_at_item_by_item,
                                  usage_is_told_by_column,
                                  what_is_no_message_is_refused,
                                  unknown_and_missing_fields_are_refused,
                                  values_out_of_range_are_refused_with_their_place,
                                  only_real_times_are_times,
                                  a_later_message_of_the_same_key_replaces,
                                  NULL};
    return unit_run(unit_suite("hub_message", tests));
}
