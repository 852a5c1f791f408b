// The hub in this process, a real PostgreSQL with the real schema, and agents over real TLS.
#include "hub_world.h"

#define MIB (1024 * 1024)

START_TEST(a_token_joins_one_key_as_often_as_it_likes)
{
    char node[40];
    joined();
    snprintf(node, sizeof(node), "%s", agent.node);
    joined();
    ck_assert_str_eq(agent.node, node);
    struct agent other;
    agent_init(&other, base, hub_port(hub), pki_dir, "node1");
    ck_assert_int_eq(agent_join(&other, token), 403);
    agent_finish(&other);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM nodes"), "1");
}
END_TEST

START_TEST(wrong_tokens_and_bodies_are_refused)
{
    char wrong[160];
    snprintf(wrong, sizeof(wrong), "%s", token);
    wrong[20] = 'b';
    ck_assert_int_eq(agent_join(&agent, wrong), 403); // unknown
    snprintf(wrong, sizeof(wrong), "%s", token);
    wrong[strlen(wrong) - 1] ^= 1;
    ck_assert_int_eq(agent_join(&agent, wrong), 403); // another CA
    ck_assert_int_eq(agent_join(&agent, "croft_join_x"), 422);
    free(agent.csr);
    agent.csr = strdup("not a request");
    ck_assert_int_eq(agent_join(&agent, token), 422);
    ck_assert_int_eq(agent_status(&agent, agent.tls,
                                  "POST /agent/v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                  "application/json\r\nContent-Length: 1\r\n\r\n{"),
                     400);
    ck_assert_int_eq(
        agent_status(&agent, agent.tls, "GET /agent/v1/join HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    ck_assert_int_eq(agent_status(&agent, agent.tls, "GET /v1/vps HTTP/1.1\r\nHost: x\r\n\r\n"),
                     404);
}
END_TEST

START_TEST(without_a_certificate_of_ours_there_is_no_link_and_no_image)
{
    static const char image[] = "GET /agent/v1/images/"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                " HTTP/1.1\r\nHost: x\r\n\r\n";
    struct unit_pki foreign;
    struct err err = {0};
    char ca[200];
    SSL_CTX *tls;
    ck_assert_int_eq(agent_status(&agent, agent.tls, AGENT_LINK), 403);
    ck_assert_int_eq(agent_status(&agent, agent.tls, image), 403);
    unit_pki_make(&foreign);
    snprintf(ca, sizeof(ca), "%s/ca.crt", pki_dir);
    ck_assert_int_eq(tls_client_ctx(ca, foreign.client_cert, foreign.client_key, &tls, &err), 0);
    ck_assert_int_eq(agent_status(&agent, tls, AGENT_LINK), 403);
    ck_assert_int_eq(agent_status(&agent, tls, image), 403);
    SSL_CTX_free(tls);
    unit_pki_remove(&foreign);
}
END_TEST

START_TEST(a_certificate_of_an_unknown_node_is_refused)
{
    struct pki_ca *ca;
    struct err err = {0};
    struct pki_certificate certificate = {0};
    ck_assert_int_eq(pki_ca_load(pki_dir, &ca, &err), 0);
    ck_assert_int_eq(pki_sign_agent(ca, agent.csr, "019a0000-0000-7000-8000-000000000001", 60,
                                    &certificate, &err),
                     0);
    agent_use_certificate(&agent, certificate.pem);
    ck_assert_int_eq(agent_status(&agent, agent.tls, AGENT_LINK), 403);
    pki_certificate_finish(&certificate);
    pki_ca_destroy(ca);
}
END_TEST

START_TEST(an_expired_certificate_is_refused_by_an_answer)
{
    config.agents.certificate_s = 1;
    joined();
    agent_run(base, 2100);
    ck_assert_int_eq(agent_status(&agent, agent.tls, AGENT_LINK), 403);
}
END_TEST

START_TEST(handshakes_that_are_none_are_refused)
{
    static const char *const requests[] = {
        "GET /agent/v1/link HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /agent/v1/link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: croft.v1\r\n\r\n",
        "GET /agent/v1/link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"
        "Sec-WebSocket-Protocol: croft.v1\r\n\r\n",
        "GET /agent/v1/link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: croft.v2, xcroft.v1\r\n\r\n",
    };
    joined();
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        ck_assert_int_eq(agent_status(&agent, agent.tls, requests[i]), 400);
    }
}
END_TEST

START_TEST(a_task_is_sent_run_and_confirmed_once)
{
    linked();
    ck_assert_uint_eq(hub_link_count(hub), 1);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT online FROM node_status"), "t");
    create_vps("web1");
    json_t *task = agent_expect(&agent, "task");
    ck_assert_str_eq(json_get_string(task, "kind", ""), "vps_create");
    ck_assert_int_eq(json_get_int(task, "epoch", 0), agent.epoch);
    ck_assert_str_eq(json_get_string(json_object_get(task, "spec"), "hostname", ""), "web1");
    agent_send(&agent,
               "{\"type\":\"task_progress\",\"epoch\":%lld,\"task\":\"%s\",\"progress\":40,"
               "\"step\":\"snapshot\"}",
               (long long)agent.epoch, json_get_string(task, "task", ""));
    agent_result(&agent, agent.epoch, task, "done", "running", "null");
    json_t *confirm = agent_expect(&agent, "task_confirm");
    ck_assert_str_eq(json_get_string(confirm, "task", ""), json_get_string(task, "task", ""));
    ck_assert_str_eq(task_status(task), "done");
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT observed FROM vps"), "running");
    json_decref(confirm);
    // The same again is confirmed and changes nothing, even if it says otherwise.
    agent_result(&agent, agent.epoch, task, "failed", "absent",
                 "{\"code\":\"disk_full\",\"detail\":\"\"}");
    confirm = agent_expect(&agent, "task_confirm");
    ck_assert_str_eq(task_status(task), "done");
    json_decref(confirm);
    json_decref(task);
}
END_TEST

START_TEST(a_failed_create_is_followed_by_a_delete)
{
    linked();
    create_vps("web1");
    json_t *task = agent_expect(&agent, "task");
    agent_result(&agent, agent.epoch, task, "failed", "absent",
                 "{\"code\":\"disk_full\",\"detail\":\"The pool is full.\"}");
    json_decref(agent_expect(&agent, "task_confirm"));
    json_decref(task);
    task = agent_expect(&agent, "task");
    ck_assert_str_eq(json_get_string(task, "kind", ""), "vps_delete");
    agent_result(&agent, agent.epoch, task, "done", "absent", "null");
    json_decref(agent_expect(&agent, "task_confirm"));
    json_decref(task);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT used FROM quotas q JOIN tenants t ON t.id = "
                                           "q.tenant_id WHERE t.name = 'one' AND resource = 'vps'"),
                     "0");
}
END_TEST

START_TEST(open_tasks_come_again_and_results_of_an_old_epoch_are_ignored)
{
    linked();
    create_vps("web1");
    json_t *task = agent_expect(&agent, "task");
    int64_t old = agent.epoch;
    agent_link(&agent);
    ck_assert_int_gt(agent.epoch, old);
    json_t *again = agent_expect(&agent, "task");
    ck_assert_str_eq(json_get_string(again, "task", ""), json_get_string(task, "task", ""));
    agent_result(&agent, old, task, "done", "running", "null");
    agent_run(base, 300);
    ck_assert_ptr_null(agent_take(&agent, "task_confirm"));
    ck_assert_str_ne(task_status(task), "done");
    agent_result(&agent, agent.epoch, task, "done", "running", "null");
    json_decref(agent_expect(&agent, "task_confirm"));
    ck_assert_str_eq(task_status(task), "done");
    json_decref(task);
    json_decref(again);
}
END_TEST

START_TEST(a_second_link_supersedes_the_first)
{
    linked();
    struct agent twin;
    agent_init(&twin, base, hub_port(hub), pki_dir, "twin");
    SSL_CTX *own = twin.tls;
    twin.tls = agent.tls;
    agent_link(&twin);
    ck_assert_int_eq(twin.epoch, agent.epoch + 1);
    agent_expect_close(&agent, "superseded", 1008);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT online FROM node_status"), "t");
    twin.tls = own;
    agent_finish(&twin);
}
END_TEST

START_TEST(a_revocation_closes_the_link_at_once_and_keeps_it_closed)
{
    linked();
    cluster_sql(&cluster, "SELECT croft_admin_node_revoke('{\"id\":\"%s\"}')", agent.node);
    agent_expect_close(&agent, "revoked", 1008);
    ck_assert_int_eq(agent_status(&agent, agent.tls, AGENT_LINK), 403);
}
END_TEST

START_TEST(a_lost_link_is_offline)
{
    linked();
    ws_destroy(agent.ws);
    agent.ws = NULL;
    for (int turns = 0; hub_link_count(hub) > 0; turns++) {
        ck_assert_int_lt(turns, 2000);
        agent_turn(base);
    }
    agent_run(base, 300);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT online FROM node_status"), "f");
}
END_TEST

static void expect_usage_ack(int batch)
{
    json_t *ack = agent_expect(&agent, "usage_ack");
    ck_assert_int_eq(json_get_int(ack, "batch", 0), batch);
    json_decref(ack);
}

START_TEST(usage_is_counted_exactly_once)
{
    char vps[64];
    linked();
    snprintf(vps, sizeof(vps), "%s", create_vps("web1"));
    agent_usage(&agent, vps, 1, 1, 1000);
    expect_usage_ack(1);
    agent_usage(&agent, vps, 1, 1, 1000); // the acknowledgement was lost
    expect_usage_ack(1);
    agent_usage(&agent, vps, 2, 2, 1700);
    expect_usage_ack(2);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT sum(cpu_ns) FROM usage_hours"), "1700");
    agent_link(&agent);
    agent_usage(&agent, vps, 2, 2, 1700);
    expect_usage_ack(2);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT sum(cpu_ns) FROM usage_hours"), "1700");
}
END_TEST

START_TEST(what_breaks_the_protocol_closes_the_link)
{
    static const char *const texts[] = {
        "",
        "{",
        "[1]",
        "{\"type\":\"nonsense\"}",
        "{\"type\":\"welcome\"}",
        ("{\"type\":\"heartbeat\",\"epoch\":1,\"disk_free_bytes\":-1,\"memory_free_bytes\":0,"
         "\"load_milli\":0}"),
    };
    joined();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        agent_link(&agent);
        agent_send(&agent, "%s", texts[i]);
        agent_expect_close(&agent, "protocol_error", 1002);
    }
    agent_link(&agent);
    agent_hello(&agent); // a second one
    agent_expect_close(&agent, "protocol_error", 1002);
    agent_open(&agent);
    agent_send(&agent, "{\"type\":\"heartbeat\",\"epoch\":1,\"disk_free_bytes\":0,"
                       "\"memory_free_bytes\":0,\"load_milli\":0}"); // before the hello
    agent_expect_close(&agent, "protocol_error", 1002);
}
END_TEST

START_TEST(a_huge_message_closes_the_link)
{
    linked();
    char *text = malloc(MIB + 1);
    memset(text, ' ', MIB + 1);
    ck_assert_int_eq(ws_send(agent.ws, text, MIB + 1, NULL), 0);
    free(text);
    agent_expect_close(&agent, "", 1009);
}
END_TEST

START_TEST(a_certificate_is_renewed_over_the_link)
{
    linked();
    struct agent next;
    agent_init(&next, base, hub_port(hub), pki_dir, "renewed");
    json_t *request = json_pack("{s:s, s:I, s:s}", "type", "certificate_request", "epoch",
                                (json_int_t)agent.epoch, "csr", next.csr);
    char *text = json_write(request);
    agent_send(&agent, "%s", text);
    json_t *certificate = agent_expect(&agent, "certificate");
    agent_use_certificate(&next, json_get_string(certificate, "certificate", ""));
    agent_link(&next);
    ck_assert_int_eq(next.epoch, agent.epoch + 1);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM node_certificates"), "2");
    json_decref(certificate);
    json_decref(request);
    free(text);
    agent_finish(&next);
}
END_TEST

START_TEST(a_link_survives_a_restart_of_postgresql)
{
    linked();
    create_vps("web1");
    json_t *task = agent_expect(&agent, "task");
    ck_assert_int_eq(cluster_shell(&cluster, "as $B/pg_ctl -D $D/data -m fast -w stop"), 0);
    agent_result(&agent, agent.epoch, task, "done", "running", "null");
    agent_run(base, 1500);
    ck_assert(!agent.closed);
    ck_assert_ptr_null(agent_take(&agent, "task_confirm"));
    ck_assert_int_eq(
        cluster_shell(&cluster, "as $B/pg_ctl -D $D/data -w -l $D/log -o \"-c listen_addresses='' "
                                "-k $D -c fsync=off\" start"),
        0);
    json_decref(agent_expect(&agent, "task_confirm"));
    ck_assert_str_eq(task_status(task), "done");
    json_decref(task);
    create_vps("web2"); // LISTEN is back, too
    json_decref(agent_expect(&agent, "task"));
}
END_TEST

START_TEST(a_flood_of_one_agent_is_slowed_and_loses_nothing)
{
    char vps[64];
    linked();
    snprintf(vps, sizeof(vps), "%s", create_vps("web1"));
    for (int i = 1; i <= 300; i++) {
        agent_usage(&agent, vps, i, i, i * 10);
    }
    for (int i = 1; i <= 300; i++) {
        expect_usage_ack(i);
    }
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT sum(cpu_ns) FROM usage_hours"), "3000");
}
END_TEST

static void write_image(const char *name, const char *text)
{
    char path[300];
    mkdir(image_dir, 0755);
    snprintf(path, sizeof(path), "%s/%s", image_dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void get_image(const char *name, const char *range, int status, const char *body)
{
    char request[400];
    struct agent_reply reply;
    snprintf(request, sizeof(request), "GET /agent/v1/images/%s HTTP/1.1\r\nHost: x\r\n%s\r\n",
             name, range);
    agent_request(&agent, agent.tls, request, &reply);
    ck_assert_int_eq(reply.status, status);
    if (body) {
        ck_assert_str_eq(reply.body, body);
    }
    free(reply.body);
}

START_TEST(an_image_is_sent_whole_or_from_an_offset)
{
    static const char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char missing[] =
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    write_image(name, "0123456789");
    joined();
    get_image(name, "", 200, "0123456789");
    get_image(name, "Range: bytes=4-\r\n", 206, "456789");
    get_image(name, "Range: bytes=10-\r\n", 416, NULL);
    get_image(name, "Range: bytes=2-3\r\n", 200, "0123456789"); // may be ignored, and is
    get_image(missing, "", 404, NULL);
    get_image("AAAA", "", 404, NULL);
    get_image("..%2Fpki%2Fca.key", "", 400, NULL);
}
END_TEST

static void on_drained(void *arg)
{
    *(volatile bool *)arg = true;
}

START_TEST(a_drain_sends_the_agents_away)
{
    volatile bool drained = false;
    linked();
    hub_drain(hub, on_drained, (void *)&drained);
    agent_expect_close(&agent, "", 1001);
    for (int turns = 0; !drained; turns++) {
        ck_assert_int_lt(turns, 2000);
        agent_turn(base);
    }
    ck_assert_uint_eq(hub_link_count(hub), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub");
    TCase *cases = tcase_create("hub");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, setup, teardown);
    tcase_add_checked_fixture(cases, case_setup, case_teardown);
    tcase_add_test(cases, a_token_joins_one_key_as_often_as_it_likes);
    tcase_add_test(cases, wrong_tokens_and_bodies_are_refused);
    tcase_add_test(cases, without_a_certificate_of_ours_there_is_no_link_and_no_image);
    tcase_add_test(cases, a_certificate_of_an_unknown_node_is_refused);
    tcase_add_test(cases, an_expired_certificate_is_refused_by_an_answer);
    tcase_add_test(cases, handshakes_that_are_none_are_refused);
    tcase_add_test(cases, a_task_is_sent_run_and_confirmed_once);
    tcase_add_test(cases, a_failed_create_is_followed_by_a_delete);
    tcase_add_test(cases, open_tasks_come_again_and_results_of_an_old_epoch_are_ignored);
    tcase_add_test(cases, a_second_link_supersedes_the_first);
    tcase_add_test(cases, a_revocation_closes_the_link_at_once_and_keeps_it_closed);
    tcase_add_test(cases, a_lost_link_is_offline);
    tcase_add_test(cases, usage_is_counted_exactly_once);
    tcase_add_test(cases, what_breaks_the_protocol_closes_the_link);
    tcase_add_test(cases, a_huge_message_closes_the_link);
    tcase_add_test(cases, a_certificate_is_renewed_over_the_link);
    tcase_add_test(cases, a_link_survives_a_restart_of_postgresql);
    tcase_add_test(cases, a_flood_of_one_agent_is_slowed_and_loses_nothing);
    tcase_add_test(cases, an_image_is_sent_whole_or_from_an_offset);
    tcase_add_test(cases, a_drain_sends_the_agents_away);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
