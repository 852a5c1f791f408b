#include "plan_limits.h"

#include "unit.h"

#include <string.h>
#include <sys/sysmacros.h>

static struct vps_spec spec;

static void setup(void)
{
    spec = (struct vps_spec){.limits = {.vcpus = 2,
                                        .memory_bytes = 1 << 30,
                                        .swap_bytes = 1 << 20,
                                        .disk_bytes = 1 << 30,
                                        .pids = 100},
                             .rates = {.net_bps = 8000, .io_bps = 4096, .iops = 50}};
}

// What stands in the file; NULL when it is not in the list.
static const char *value_of(int version, dev_t disk, const char *file)
{
    static struct limit limits[LIMITS_MAX];
    size_t count = plan_limits_list(&spec, version, disk, limits);
    ck_assert_uint_le(count, LIMITS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(limits[i].file, file) == 0) {
            return limits[i].value;
        }
    }
    return NULL;
}

START_TEST(a_plan_is_the_same_in_both_layouts)
{
    ck_assert_str_eq(value_of(1, 0, "cpu.cfs_quota_us"), "200000");
    ck_assert_str_eq(value_of(2, 0, "cpu.max"), "200000 100000");
    ck_assert_str_eq(value_of(1, 0, "memory.limit_in_bytes"), "1073741824");
    ck_assert_str_eq(value_of(2, 0, "memory.max"), "1073741824");
    ck_assert_str_eq(value_of(1, 0, "pids.max"), "100");
    ck_assert_str_eq(value_of(2, 0, "pids.max"), "100");
}
END_TEST

START_TEST(input_and_output_are_limited_where_the_disk_is_known)
{
    dev_t disk = makedev(8, 16);
    ck_assert_ptr_null(value_of(2, 0, "io.max"));
    ck_assert_str_eq(value_of(2, disk, "io.max"), "8:16 rbps=4096 wbps=4096 riops=50 wiops=50");
    ck_assert_str_eq(value_of(1, disk, "blkio.throttle.write_bps_device"), "8:16 4096");
    spec.rates.io_bps = spec.rates.iops = 0; // what was limited before is let go
    ck_assert_str_eq(value_of(2, disk, "io.max"), "8:16 rbps=max wbps=max riops=max wiops=max");
    ck_assert_str_eq(value_of(1, disk, "blkio.throttle.read_iops_device"), "8:16 0");
}
END_TEST

START_TEST(throttled_is_a_tenth)
{
    ck_assert_int_eq(plan_limits_net_bps(&spec), 8000);
    spec.suspended = SUSPENDED_THROTTLE;
    ck_assert_str_eq(value_of(1, 0, "cpu.cfs_quota_us"), "20000");
    ck_assert_str_eq(value_of(2, 0, "cpu.max"), "20000 100000");
    ck_assert_int_eq(plan_limits_net_bps(&spec), 800);
    spec.rates.net_bps = 0;
    ck_assert_int_eq(plan_limits_net_bps(&spec), 100000000);
    spec.suspended = SUSPENDED_NOT;
    ck_assert_int_eq(plan_limits_net_bps(&spec), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_limits");
    TCase *cases = tcase_create("plan_limits");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, a_plan_is_the_same_in_both_layouts);
    tcase_add_test(cases, input_and_output_are_limited_where_the_disk_is_known);
    tcase_add_test(cases, throttled_is_a_tenth);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
