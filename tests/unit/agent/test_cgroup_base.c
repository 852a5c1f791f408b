#include "cgroup_base.h"

#include "unit.h"

#include <string.h>

static const char supervised[] = "9:name=systemd:/\n"
                                 "8:cpu,cpuacct:/a/b\n"
                                 "4:memory:/process_api/0123\n"
                                 "3:pids:/init.scope\n"
                                 "0::/user.slice/init.scope\n";

START_TEST(each_controller_has_its_own_base)
{
    static const struct {
        const char *controller, *base;
    } rows[] = {
        {"systemd", ""},
        {"cpu", "/a/b"},
        {"cpuacct", "/a/b"},
        {"memory", "/process_api/0123"},
        {"pids", ""}, // systemd's own scope is left out
        {"unified", "/user.slice"},
        {"", "/user.slice"},
        {"mem", ""},
        {"rdma", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char base[CGROUP_BASE_SIZE];
        cgroup_base_parse(supervised, rows[i].controller, base);
        ck_assert_str_eq(base, rows[i].base);
    }
}
END_TEST

START_TEST(what_is_odd_is_taken_for_the_root)
{
    static const char *const texts[] = {
        "",          "\n",   "4", "4:memory", "4:memory:", "4:memory:/../..", "4:memory:/a/../../b",
        "memory:/a", "::/a",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char base[CGROUP_BASE_SIZE];
        cgroup_base_parse(texts[i], "memory", base);
        ck_assert_msg(strcmp(base, "") == 0, "%s: %s", texts[i], base);
    }
    char base[CGROUP_BASE_SIZE], text[2 * CGROUP_BASE_SIZE] = "4:memory:/";
    memset(text + strlen(text), 'a', CGROUP_BASE_SIZE);
    cgroup_base_parse(text, "memory", base);
    ck_assert_str_eq(base, "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_controller_has_its_own_base,
                                  what_is_odd_is_taken_for_the_root, NULL};
    return unit_run(unit_suite("cgroup_base", tests));
}
