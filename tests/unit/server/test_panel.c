#include "panel.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void write_text(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void begin(void)
{
    snprintf(dir, sizeof(dir), "/tmp/croft-panel-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char assets[80];
    snprintf(assets, sizeof(assets), "%s/assets", dir);
    ck_assert_int_eq(mkdir(assets, 0700), 0);
    write_text("index.html", "<!doctype html>");
    write_text("index.html.br", "br");
    write_text("assets/app-1.js", "js");
    write_text("assets/app-1.js.gz", "gz");
}

static void end(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct panel *load(void)
{
    struct panel *panel = NULL;
    struct err err = {0};
    ck_assert_msg(panel_load(dir, &panel, &err) == 0, "%s", err.text);
    return panel;
}

static void refuses(enum err_code code)
{
    struct panel *panel = NULL;
    struct err err = {0};
    ck_assert_int_eq(panel_load(dir, &panel, &err), code);
    ck_assert_ptr_null(panel);
    ck_assert_int_gt((int)strlen(err.text), 0);
}

START_TEST(files_are_found_by_name_and_pages_are_the_index)
{
    struct panel *panel = load();
    ck_assert_str_eq(panel_find(panel, "/assets/app-1.js")->name, "assets/app-1.js");
    const char *pages[] = {"/", "/vps", "/vps/0190/console", "/index.html", "/v1x"};
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        ck_assert_str_eq(panel_find(panel, pages[i])->name, "index.html");
    }
    panel_destroy(panel);
}
END_TEST

START_TEST(what_is_the_apis_and_what_is_not_there_is_nothing)
{
    struct panel *panel = load();
    const char *none[] = {"/v1",
                          "/v1/",
                          "/v1/vps",
                          "/assets/none.js",
                          "/assets/app-1.js.gz",
                          "/wp-login.php",
                          "/../../etc/passwd",
                          "/assets/../index.html",
                          "/assets/",
                          "/.env",
                          "",
                          "vps"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        ck_assert_msg(!panel_find(panel, none[i]), "%s", none[i]);
    }
    panel_destroy(panel);
}
END_TEST

START_TEST(the_best_encoding_that_is_there_and_wanted)
{
    struct panel *panel = load();
    const struct panel_file *page = panel_find(panel, "/");
    const struct panel_file *script = panel_find(panel, "/assets/app-1.js");
    ck_assert_int_eq(panel_choose(page, "gzip, br"), PANEL_BROTLI);
    ck_assert_int_eq(panel_choose(page, "gzip"), PANEL_PLAIN);
    ck_assert_int_eq(panel_choose(script, "gzip, br"), PANEL_GZIP);
    ck_assert_int_eq(panel_choose(script, NULL), PANEL_PLAIN);
    ck_assert_str_ne(script->bodies[PANEL_GZIP].etag, script->bodies[PANEL_PLAIN].etag);
    ck_assert(script->hashed && !page->hashed);
    ck_assert_str_eq(script->type, "text/javascript; charset=utf-8");
    panel_destroy(panel);
}
END_TEST

START_TEST(accept_encoding_is_read_with_its_weights)
{
    static const struct {
        const char *accept;
        unsigned brotli, gzip;
    } rows[] = {
        {"", 0, 0},
        {"gzip, deflate, br, zstd", 1, 1},
        {"GZIP", 0, 1},
        {"br;q=0, gzip;q=0.5", 0, 1},
        {"br ; q=0.001", 1, 0},
        {"br;q=0.000", 0, 0},
        {"*", 1, 1},
        {"*;q=0.1, br;q=0", 0, 1},
        {"br;q=0, *", 0, 1},
        {"*;q=0", 0, 0},
        {"brx, xgzip", 0, 0},
        {"br;level=1", 0, 0},
        {" ,;,, ;q=,gzip", 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned wanted =
            1u << PANEL_PLAIN | rows[i].gzip << PANEL_GZIP | rows[i].brotli << PANEL_BROTLI;
        ck_assert_msg(panel_accepted(rows[i].accept) == wanted, "%s", rows[i].accept);
    }
}
END_TEST

START_TEST(a_folder_that_is_no_panel_is_refused)
{
    write_text("notes.doc", "?");
    refuses(ERR_INVALID);
    char path[128], target[128];
    snprintf(path, sizeof(path), "%s/notes.doc", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/assets/link.js", dir);
    snprintf(target, sizeof(target), "%s/index.html", dir);
    ck_assert_int_eq(symlink(target, path), 0);
    refuses(ERR_SYSTEM);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    refuses(ERR_INVALID);
    unlink(path);
    unlink(target);
    refuses(ERR_INVALID);
}
END_TEST

int main(void)
{
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, begin, end);
    tcase_add_test(files, files_are_found_by_name_and_pages_are_the_index);
    tcase_add_test(files, what_is_the_apis_and_what_is_not_there_is_nothing);
    tcase_add_test(files, the_best_encoding_that_is_there_and_wanted);
    tcase_add_test(files, accept_encoding_is_read_with_its_weights);
    tcase_add_test(files, a_folder_that_is_no_panel_is_refused);
    Suite *suite = suite_create("panel");
    suite_add_tcase(suite, files);
    return unit_run(suite);
}
