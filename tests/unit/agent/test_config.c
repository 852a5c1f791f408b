#include "config.h"

#include "file.h"
#include "unit.h"

#include <string.h>

static char path[] = "/tmp/croft-config-XXXXXX";

static int load(const char *text, struct agent_config *config, struct err *err)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(file_write_all(fd, text, strlen(text), err), 0);
    close(fd);
    int r = agent_config_load(path, config, err);
    unlink(path);
    return r;
}

START_TEST(every_setting_has_a_default)
{
    struct agent_config config;
    struct err err = {0};
    int r = load("server: cp.example:8443\n", &config, &err);
    ck_assert_msg(r == 0, "%s", err.text);
    ck_assert_str_eq(config.state_dir, "/var/lib/croft/agent");
    ck_assert_str_eq(config.server, "cp.example:8443");
    ck_assert_str_eq(config.drivers.container, "lxc");
    ck_assert_int_eq(config.workers, 16);
    ck_assert_int_eq(config.ids.count, 1000);
    ck_assert_str_ne(config.name, "");
    agent_config_finish(&config);
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_place)
{
    static const struct {
        const char *text, *place;
    } bad[] = {
        {"colour: red\n", ":1:"},        {"server: nowhere\n", ":1:"},
        {"workers: 0\n", ":1:"},         {"name: a\nsample_s: fast\n", ":2:"},
        {"state_dir: var/lib\n", ":1:"}, {"state_dir: /var/../etc\n", ":1:"},
        {"log_level: loud1\n", ":1:"},   {"ids:\n  base: 4294000000\n  count: 64000\n", ":2:"},
        {"ids:\n  base: 0\n", ":2:"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct agent_config config;
        struct err err = {0};
        ck_assert_int_lt(load(bad[i].text, &config, &err), 0);
        ck_assert_msg(strstr(err.pointer, bad[i].place) || strstr(err.text, bad[i].place),
                      "%s: %s %s", bad[i].text, err.pointer, err.text);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_setting_has_a_default,
                                  what_is_wrong_is_named_with_its_place, NULL};
    return unit_run(unit_suite("config", tests));
}
