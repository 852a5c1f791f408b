#include "queue.h"

#include "unit.h"

#include <string.h>

static const char vps_a[] = "0190a000-0000-7000-8000-00000000000a";
static const char vps_b[] = "0190a000-0000-7000-8000-00000000000b";

static const struct task_kind order = {"order", NULL, 0, 0};
static const struct task_kind opening = {"opening", NULL, 0, TASK_EXCLUSIVE};

static struct job *add(struct queue *queue, const char *vps, int64_t seq)
{
    struct job *job = calloc(1, sizeof(*job));
    job->kind = &order;
    snprintf(job->vps, sizeof(job->vps), "%s", vps);
    job->seq = seq;
    queue_add(queue, job);
    return job;
}

START_TEST(tasks_of_one_vps_run_by_seq_whatever_order_they_came_in)
{
    struct queue *queue = queue_create(16);
    struct job *second = add(queue, vps_a, 2);
    struct job *first = add(queue, vps_a, 1);
    ck_assert_ptr_eq(queue_next(queue, 0), first);
    first->state = JOB_RUNNING;
    ck_assert_ptr_null(queue_next(queue, 0));
    queue_remove(queue, first);
    ck_assert_ptr_eq(queue_next(queue, 0), second);
    queue_destroy(queue);
}
END_TEST

START_TEST(a_task_that_came_late_waits_for_the_one_that_runs)
{
    struct queue *queue = queue_create(16);
    struct job *running = add(queue, vps_a, 2);
    running->state = JOB_RUNNING;
    struct job *late = add(queue, vps_a, 1);
    ck_assert_ptr_null(queue_next(queue, 0));
    queue_remove(queue, running);
    ck_assert_ptr_eq(queue_next(queue, 0), late);
    queue_destroy(queue);
}
END_TEST

START_TEST(different_vps_run_in_parallel_up_to_the_limit)
{
    struct queue *queue = queue_create(1);
    struct job *a = add(queue, vps_a, 1);
    struct job *b = add(queue, vps_b, 2);
    a->state = JOB_RUNNING;
    ck_assert_ptr_null(queue_next(queue, 0));
    a->state = JOB_FETCHING;
    ck_assert_ptr_eq(queue_next(queue, 0), b);
    queue_destroy(queue);
}
END_TEST

START_TEST(a_pause_holds_back_its_own_vps_only)
{
    struct queue *queue = queue_create(16);
    struct job *a = add(queue, vps_a, 1);
    add(queue, vps_a, 2);
    a->not_before_ms = 1000;
    struct job *b = add(queue, vps_b, 3);
    ck_assert_ptr_eq(queue_next(queue, 0), b);
    ck_assert_int_eq(queue_pause_ms(queue, 400), 600);
    b->state = JOB_RUNNING;
    ck_assert_ptr_null(queue_next(queue, 999));
    ck_assert_ptr_eq(queue_next(queue, 1000), a);
    queue_destroy(queue);
}
END_TEST

START_TEST(nothing_starts_before_the_node_is_open)
{
    struct queue *queue = queue_create(16);
    add(queue, vps_a, 0);
    struct job *node = add(queue, "", -1);
    node->kind = &opening;
    ck_assert_ptr_eq(queue_next(queue, 0), node);
    node->state = JOB_RUNNING;
    ck_assert_ptr_null(queue_next(queue, 0));
    queue_destroy(queue);
}
END_TEST

START_TEST(a_check_of_the_node_holds_up_nobody)
{
    struct queue *queue = queue_create(16);
    struct job *a = add(queue, vps_a, 0);
    struct job *check = add(queue, "", -1);
    ck_assert_ptr_eq(queue_next(queue, 0), check);
    check->state = JOB_RUNNING;
    ck_assert_ptr_eq(queue_next(queue, 0), a);
    queue_destroy(queue);
}
END_TEST

START_TEST(what_is_aside_is_in_nobodys_way)
{
    static const enum job_state states[] = {JOB_RUNNING, JOB_PUSHING, JOB_ENDED};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct queue *queue = queue_create(1);
        struct job *image = add(queue, vps_a, 1);
        struct job *stop = add(queue, vps_a, 2);
        image->state = states[i];
        ck_assert_ptr_null(queue_next(queue, 0));
        ck_assert(queue_has_vps(queue, vps_a));
        image->aside = true;
        ck_assert_ptr_eq(queue_next(queue, 0), stop);
        ck_assert_uint_eq(queue_running(queue), 0);
        queue_remove(queue, stop);
        ck_assert(!queue_has_vps(queue, vps_a));
        queue_destroy(queue);
    }
}
END_TEST

START_TEST(what_is_aside_and_pauses_lets_the_next_one_start)
{
    struct queue *queue = queue_create(1);
    struct job *image = add(queue, vps_a, 1);
    struct job *stop = add(queue, vps_a, 2);
    image->aside = true;
    image->not_before_ms = 1000;
    ck_assert_ptr_eq(queue_next(queue, 0), stop);
    stop->state = JOB_RUNNING;
    ck_assert_ptr_null(queue_next(queue, 1000));
    queue_remove(queue, stop);
    ck_assert_ptr_eq(queue_next(queue, 1000), image);
    queue_destroy(queue);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {tasks_of_one_vps_run_by_seq_whatever_order_they_came_in,
                                  a_task_that_came_late_waits_for_the_one_that_runs,
                                  different_vps_run_in_parallel_up_to_the_limit,
                                  a_pause_holds_back_its_own_vps_only,
                                  nothing_starts_before_the_node_is_open,
                                  a_check_of_the_node_holds_up_nobody,
                                  what_is_aside_is_in_nobodys_way,
                                  what_is_aside_and_pauses_lets_the_next_one_start,
                                  NULL};
    return unit_run(unit_suite("queue", tests));
}
