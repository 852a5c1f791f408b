// An image of a vps comes up from its node: piece by piece, in order, no more than there is room for.
#include "hub_world.h"

#include "upload.h"

#include <sys/stat.h>

static char image[40], sha256[65];
static const char whole[] = "what a packed image would hold";

static void hash(const char *text, char ret_hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    }
}

// A vps that runs on the node, and an image of it that is ordered.
static void ordered(void)
{
    linked();
    create_vps("web");
    json_t *task = agent_expect(&agent, "task");
    agent_result(&agent, agent.epoch, task, "done", "running", "null");
    json_decref(agent_expect(&agent, "task_confirm"));
    json_decref(task);
    snprintf(
        image, sizeof(image), "%s",
        cluster_sql(&cluster,

                    "SELECT croft_enter(id, NULL, 'owner', NULL, NULL, '', '', NULL) FROM tenants "
                    "WHERE name = 'one'; SELECT a.body::jsonb->'image'->>'id' FROM "
                    "croft_vps_publish(jsonb_build_object('id', (SELECT id FROM vps), 'body', "
                    "jsonb_build_object('name', 'mine'))) a"));
    hash(whole, sha256);
}

static int put(const char *range, const char *body, const char *claim, char ret_offset[16])
{
    char request[700];
    struct agent_reply reply;
    snprintf(request, sizeof(request),
             "PUT /agent/v1/uploads/%s HTTP/1.1\r\nHost: x\r\nContent-Range: %s\r\n"
             "Croft-Image-SHA256: %s\r\nContent-Length: %zu\r\n\r\n%s",
             image, range, claim, strlen(body), body);
    agent_request(&agent, agent.tls, request, &reply);
    json_error_t error;
    json_t *object = json_loads(reply.body, 0, &error);
    snprintf(ret_offset, 16, "%d", (int)json_get_int(object, "offset", -1));
    json_decref(object);
    free(reply.body);
    return reply.status;
}

static void expect_put(const char *range, const char *body, int status, const char *offset)
{
    char got[16];
    ck_assert_int_eq(put(range, body, sha256, got), status);
    ck_assert_str_eq(got, offset);
}

static bool is_stored(const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", image_dir, name);
    return access(path, F_OK) == 0;
}

START_TEST(pieces_become_an_image)
{
    char range[64];
    ordered();
    expect_put("bytes */30", "", 200, "0");
    snprintf(range, sizeof(range), "bytes 0-9/%zu", strlen(whole));
    char piece[11];
    snprintf(piece, sizeof(piece), "%.10s", whole);
    expect_put(range, piece, 200, "10");
    expect_put(range, piece, 409, "-1"); // it is here already
    expect_put("bytes */30", "", 200, "10"); // after a restart the node asks
    expect_put("bytes 11-29/30", whole + 11, 409, "-1");
    expect_put("bytes 10-29/30", whole + 10, 201, "30");
    ck_assert(is_stored(sha256));
    ck_assert_str_eq(
        cluster_sql(&cluster, "SELECT size || sha256 FROM images WHERE id = '%s'", image),
        cluster_sql(&cluster, "SELECT '30%s'", sha256));
    expect_put("bytes */30", "", 201, "30"); // the answer was lost
    // What was signed is what is here: agents check it like any other image.
    struct err err = {0};
    char signature[129];
    ck_assert_int_eq(pki_sign_image(pki_dir, sha256, 30, signature, &err), 0);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT signature FROM images WHERE id = '%s'", image),
                     cluster_sql(&cluster, "SELECT '%s'", signature));
}
END_TEST

START_TEST(what_has_another_hash_is_forgotten)
{
    char got[16], other[65];
    ordered();
    hash("something else", other);
    ck_assert_int_eq(put("bytes 0-29/30", whole, other, got), 409);
    ck_assert(!is_stored(other) && !is_stored(sha256));
    expect_put("bytes */30", "", 200, "0");
    expect_put("bytes 0-29/30", whole, 201, "30");
}
END_TEST

START_TEST(more_than_there_is_room_for_is_refused)
{
    ordered();
    expect_put("bytes 0-29/1048577", whole, 409, "-1");
    ck_assert(!is_stored(sha256));
    expect_put("bytes */1048576", "", 200, "0");
}
END_TEST

START_TEST(an_image_that_nobody_ordered_here_is_refused)
{
    char ordered_one[40];
    ordered();
    snprintf(ordered_one, sizeof(ordered_one), "%s", image);
    snprintf(image, sizeof(image), "%s", "0190a000-0000-7000-8000-000000000000");
    expect_put("bytes 0-29/30", whole, 404, "-1");
    snprintf(image, sizeof(image), "%s", "..");
    expect_put("bytes 0-29/30", whole, 404, "-1");
    // The order has ended: nothing more is taken.
    cluster_sql(&cluster,
                "UPDATE tasks SET ended_at = now(), status = 'failed' WHERE ended_at IS NULL");
    snprintf(image, sizeof(image), "%s", ordered_one);
    expect_put("bytes 0-29/30", whole, 404, "-1");
    ck_assert(!is_stored(sha256));
}
END_TEST

START_TEST(malformed_pieces_are_refused)
{
    static const char *const ranges[] = {
        "bytes 0-29",
        "bytes 0-29/",
        "bytes 29-0/30",
        "bytes 0-30/30",
        "bytes 0-28/30",
        "bytes -1-9/30",
        "bytes */0",
        "bytes 0-29/*",
        "octets 0-29/30",
        "bytes +0-29/30",
        "bytes 0-29/99999999999999999999",
    };
    ordered();
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        char got[16];
        ck_assert_msg(put(ranges[i], whole, sha256, got) == 400, "%s", ranges[i]);
    }
    char got[16];
    ck_assert_int_eq(put("bytes 0-29/30", whole, "AA", got), 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub_upload");
    TCase *cases = tcase_create("hub_upload");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, setup, teardown);
    tcase_add_checked_fixture(cases, case_setup, case_teardown);
    tcase_add_test(cases, pieces_become_an_image);
    tcase_add_test(cases, what_has_another_hash_is_forgotten);
    tcase_add_test(cases, more_than_there_is_room_for_is_refused);
    tcase_add_test(cases, an_image_that_nobody_ordered_here_is_refused);
    tcase_add_test(cases, malformed_pieces_are_refused);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
