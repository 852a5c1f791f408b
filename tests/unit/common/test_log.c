#include "log.h"

#include "unit.h"

#include <string.h>

// Runs a statement with standard error in a file and leaves what it wrote in line.
static char line[4096];

static FILE *capture_begin(int *ret_saved)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    *ret_saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return file;
}

static void capture_end(FILE *file, int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t len = fread(line, 1, sizeof(line) - 1, file);
    line[len] = '\0';
    fclose(file);
}

START_TEST(a_line_names_time_level_program_event)
{
    int saved;
    FILE *file = capture_begin(&saved);
    log_init("prog", LOG_INFO);
    log_info("started", "port=%d name=%s", 80, LOGQ("a \"b\"\n"));
    capture_end(file, saved);
    ck_assert_ptr_nonnull(strstr(line, "Z level=info prog=prog pid="));
    ck_assert_ptr_nonnull(strstr(line, " event=started port=80 name=\"a \\\"b\\\"\\x0a\"\n"));
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
    int saved;
    FILE *file = capture_begin(&saved);
    log_init("prog", LOG_WARN);
    log_info("quiet", "x=1");
    log_set_level(LOG_ERROR);
    log_warn("quiet", "x=1");
    capture_end(file, saved);
    ck_assert_str_eq(line, "");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_but_ends)
{
    static char longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    int saved;
    FILE *file = capture_begin(&saved);
    log_init("prog", LOG_INFO);
    log_info("long", "x=%s", longest);
    capture_end(file, saved);
    size_t len = strlen(line);
    ck_assert_uint_le(len, 2048);
    ck_assert_int_eq(line[len - 1], '\n');
    ck_assert_int_eq(line[len - 2], 'x');
}
END_TEST

START_TEST(quoting_survives_anything)
{
    static char longest[5000];
    memset(longest, '\x01', sizeof(longest) - 1);
    ck_assert_str_eq(LOGQ(NULL), "\"\"");
    struct log_quoted quoted = log_quote(longest);
    size_t len = strlen(quoted.text);
    ck_assert_uint_lt(len, sizeof(quoted.text));
    ck_assert_int_eq(quoted.text[len - 1], '"');
}
END_TEST

START_TEST(levels_have_names)
{
    ck_assert_int_eq(log_level_parse("debug"), LOG_DEBUG);
    ck_assert_int_eq(log_level_parse("error"), LOG_ERROR);
    ck_assert_int_eq(log_level_parse("loud"), -1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_line_names_time_level_program_event,
        what_is_below_the_level_is_not_written,
        a_line_that_is_too_long_is_cut_but_ends,
        quoting_survives_anything,
        levels_have_names,
        NULL,
    };
    return unit_run(unit_suite("log", tests));
}
