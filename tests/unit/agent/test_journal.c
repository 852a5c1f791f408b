#include "journal.h"

#include "file.h"
#include "json.h"
#include "unit.h"
#include "uuid.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[32], path[64];
static struct err err;

static void setup(void)
{
    strcpy(dir, "/tmp/croft-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/journal", dir);
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

static struct journal *reopen(struct journal *journal)
{
    journal_close(journal);
    journal = NULL;
    ck_assert_int_eq(journal_open(path, &journal, &err), 0);
    return journal;
}

static void id_of(int n, char id[UUID_LEN + 1])
{
    snprintf(id, UUID_LEN + 1, "0190a000-0000-7000-8000-%012d", n);
}

static int add(struct journal *journal, int n)
{
    char id[UUID_LEN + 1];
    id_of(n, id);
    _cleanup_json_ json_t *message = json_pack("{s:s, s:i}", "task", id, "seq", n);
    return journal_add(journal, message, &err);
}

static int settle(struct journal *journal, int n)
{
    char id[UUID_LEN + 1];
    id_of(n, id);
    _cleanup_json_ json_t *result = json_pack("{s:s}", "status", "done");
    return journal_settle(journal, id, result, &err);
}

static int confirm(struct journal *journal, int n)
{
    char id[UUID_LEN + 1];
    id_of(n, id);
    return journal_confirm(journal, id, &err);
}

static const struct journal_entry *find(struct journal *journal, int n)
{
    char id[UUID_LEN + 1];
    id_of(n, id);
    return journal_find(journal, id);
}

START_TEST(tasks_results_and_confirmations_are_read_back)
{
    struct journal *journal = reopen(NULL);
    ck_assert_int_eq(add(journal, 1), 0);
    ck_assert_int_eq(add(journal, 2), 0);
    ck_assert_int_eq(add(journal, 2), ERR_CONFLICT);
    ck_assert_int_eq(settle(journal, 1), 0);
    ck_assert_int_eq(settle(journal, 3), ERR_NOT_FOUND);
    journal = reopen(journal);
    ck_assert_str_eq(json_get_string(find(journal, 1)->result, "status", ""), "done");
    ck_assert_ptr_null(find(journal, 2)->result);
    ck_assert_int_eq(json_get_int(find(journal, 2)->message, "seq", 0), 2);
    // Not settled yet: a confirmation of it means nothing.
    ck_assert_int_eq(confirm(journal, 2), 0);
    ck_assert_int_eq(confirm(journal, 1), 0);
    journal = reopen(journal);
    ck_assert(find(journal, 1)->confirmed);
    ck_assert(!find(journal, 2)->confirmed);
    journal_close(journal);
}
END_TEST

// Whatever a crash leaves of the last write, what was before it is there and the journal goes on.
START_TEST(a_write_torn_at_any_byte_costs_only_itself)
{
    struct journal *journal = reopen(NULL);
    ck_assert_int_eq(add(journal, 1), 0);
    struct stat before;
    stat(path, &before);
    ck_assert_int_eq(settle(journal, 1), 0);
    journal_close(journal);
    _cleanup_free_ char *whole = NULL;
    size_t len = 0;
    ck_assert_int_eq(file_read(path, 1 << 20, &whole, &len, &err), 0);
    for (size_t cut = (size_t)before.st_size; cut <= len; cut++) {
        ck_assert_int_eq(file_write_atomic(path, whole, cut, 0600, &err), 0);
        journal = reopen(NULL);
        ck_assert_int_eq(find(journal, 1)->result != NULL, cut == len);
        ck_assert_int_eq(add(journal, 2), 0);
        journal = reopen(journal);
        ck_assert_ptr_nonnull(find(journal, 1));
        ck_assert_ptr_nonnull(find(journal, 2));
        journal_close(journal);
    }
}
END_TEST

START_TEST(a_changed_byte_anywhere_costs_one_record)
{
    struct journal *journal = reopen(NULL);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(add(journal, i), 0);
    }
    journal_close(journal);
    _cleanup_free_ char *whole = NULL;
    size_t len = 0;
    ck_assert_int_eq(file_read(path, 1 << 20, &whole, &len, &err), 0);
    for (size_t at = 0; at < len; at++) {
        whole[at] ^= 0x55;
        ck_assert_int_eq(file_write_atomic(path, whole, len, 0600, &err), 0);
        whole[at] ^= 0x55;
        journal = reopen(NULL);
        int found = 0;
        for (int i = 1; i <= 3; i++) {
            found += find(journal, i) != NULL;
        }
        ck_assert_int_eq(found, 2);
        journal_close(journal);
    }
}
END_TEST

START_TEST(the_file_stays_small_and_the_last_results_stay_known)
{
    struct journal *journal = reopen(NULL);
    ck_assert_int_eq(add(journal, 0), 0);
    for (int i = 1; i <= 1000; i++) {
        ck_assert_int_eq(add(journal, i), 0);
        ck_assert_int_eq(settle(journal, i), 0);
        ck_assert_int_eq(confirm(journal, i), 0);
    }
    struct stat st;
    stat(path, &st);
    ck_assert_int_lt(st.st_size, 128 * 1024);
    journal = reopen(journal);
    ck_assert_ptr_nonnull(find(journal, 0));
    ck_assert_ptr_null(find(journal, 1));
    ck_assert(find(journal, 1000)->confirmed);
    ck_assert(find(journal, 1000 - JOURNAL_CONFIRMED_MAX + 1)->confirmed);
    journal_close(journal);
}
END_TEST

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_disk_that_is_full_half_way_through_a_write_changes_nothing)
{
    signal(SIGXFSZ, SIG_IGN);
    struct journal *journal = reopen(NULL);
    ck_assert_int_eq(add(journal, 1), 0);
    struct stat st;
    stat(path, &st);
    limit_file_size((rlim_t)st.st_size + 20);
    ck_assert_int_lt(add(journal, 2), 0);
    ck_assert_int_lt(settle(journal, 1), 0);
    ck_assert_ptr_null(find(journal, 2));
    ck_assert_ptr_null(find(journal, 1)->result);
    limit_file_size(RLIM_INFINITY);
    ck_assert_int_eq(settle(journal, 1), 0);
    journal = reopen(journal);
    ck_assert_ptr_null(find(journal, 2));
    ck_assert_ptr_nonnull(find(journal, 1)->result);
    journal_close(journal);
}
END_TEST

static int add_large(struct journal *journal, int n)
{
    char id[UUID_LEN + 1];
    id_of(n, id);
    _cleanup_free_ char *padding = malloc(1000001);
    memset(padding, 'a', 1000000);
    padding[1000000] = '\0';
    _cleanup_json_ json_t *message = json_pack("{s:s, s:s}", "task", id, "padding", padding);
    return journal_add(journal, message, &err);
}

START_TEST(a_flood_of_large_tasks_ends_before_the_file_is_unreadable)
{
    struct journal *journal = reopen(NULL);
    int n = 0;
    while (n < 100 && add_large(journal, n) == 0) {
        n++;
    }
    ck_assert_int_lt(n, 64);
    ck_assert_int_eq(add_large(journal, n), ERR_UNAVAILABLE);
    journal = reopen(journal); // still readable
    ck_assert_int_eq(settle(journal, 0), 0);
    ck_assert_int_eq(settle(journal, 1), 0);
    ck_assert_int_eq(confirm(journal, 0), 0);
    ck_assert_int_eq(confirm(journal, 1), 0);
    ck_assert_int_eq(add_large(journal, n), 0); // there is room again
    char id[UUID_LEN + 1];
    id_of(0, id);
    journal = reopen(journal);
    ck_assert_ptr_nonnull(journal_find(journal, id)); // known for repeats
    journal_close(journal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *cases = tcase_create("journal");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, tasks_results_and_confirmations_are_read_back);
    tcase_add_test(cases, a_write_torn_at_any_byte_costs_only_itself);
    tcase_add_test(cases, a_changed_byte_anywhere_costs_one_record);
    tcase_add_test(cases, the_file_stays_small_and_the_last_results_stay_known);
    tcase_add_test(cases, a_disk_that_is_full_half_way_through_a_write_changes_nothing);
    tcase_add_test(cases, a_flood_of_large_tasks_ends_before_the_file_is_unreadable);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
