#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/croft-config-XXXXXX";

static int load(const char *text, struct server_config *config, struct err *err)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    memset(err, 0, sizeof(*err));
    return server_config_load(path, config, err);
}

START_TEST(test_fills_in_what_is_missing)
{
    struct server_config config;
    struct err err;
    ck_assert_int_eq(load("state_dir: /srv/croft\ndatabase: {server: host=/run}\n", &config, &err),
                     0);
    ck_assert_str_eq(config.pki_dir, "/srv/croft/pki");
    ck_assert_str_eq(config.image_dir, "/srv/croft/images");
    ck_assert_str_eq(config.api.public_url, "http://127.0.0.1:8080");
    ck_assert_str_eq(config.agents.public_address, "127.0.0.1:8443");
    ck_assert_int_eq(config.workers, 2);
    ck_assert_int_eq(config.timing.access_s, 900);
    server_config_finish(&config);
}
END_TEST

START_TEST(test_names_the_place)
{
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"database:\n  server: x\nworkers: 0\n", ":3:"},
        {"database:\n  server: x\n  colour: red\n", ":3:"},
        {"database:\n  server: x\napi:\n  tls_key: k\n", ":4:"},
        {"database:\n  server: x\nstate_dir: here\n", ":3:"},
        {"database:\n  server: x\nlog_level: loud\n", ":3:"},
        {"workers: 2\n", ":1:"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct server_config config;
        struct err err;
        ck_assert_int_lt(load(cases[i].text, &config, &err), 0);
        ck_assert_msg(strstr(err.pointer, cases[i].place), "%s: %s: %s", cases[i].text, err.pointer,
                      err.text);
    }
}
END_TEST

int main(void)
{
    close(mkstemp(path));
    const TTest *const tests[] = {test_fills_in_what_is_missing, test_names_the_place, NULL};
    int status = unit_run(unit_suite("config", tests));
    unlink(path);
    return status;
}
