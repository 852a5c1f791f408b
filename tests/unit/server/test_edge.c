// The edge seen from a raw socket: what evhttp alone lets pass must be refused here.
#include "edge.h"

#include "macro.h"
#include "tls.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GET_ROOT "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

static struct {
    struct event_base *base;
    struct edge *edge;
    int handled; // requests that came through
    struct edge_request *held; // /hold keeps it
    struct bufferevent *upgraded;
    bool drained;
} t;

static void echo_upgraded(struct bufferevent *bev, void *arg)
{
    bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void on_request(struct edge_request *request, void *arg)
{
    t.handled++;
    size_t len;
    const char *body = edge_body(request, &len);
    if (strcmp(edge_path(request), "/hold") == 0) {
        t.held = request;
    } else if (strcmp(edge_path(request), "/upgrade") == 0) {
        edge_add_header(request, "Upgrade", "echo");
        edge_add_header(request, "Connection", "Upgrade");
        t.upgraded = edge_upgrade(request);
        ck_assert_ptr_nonnull(t.upgraded);
        bufferevent_setcb(t.upgraded, echo_upgraded, NULL, NULL, NULL);
        bufferevent_enable(t.upgraded, EV_READ | EV_WRITE);
    } else if (strcmp(edge_path(request), "/big") == 0) {
        size_t size = 4 << 20;
        char *big = calloc(1, size);
        memset(big, 'b', size);
        edge_reply(request, 200, "text/plain", big, size);
        free(big);
    } else if (strcmp(edge_path(request), "/file") == 0) {
        FILE *file = tmpfile();
        fputs("0123456789", file);
        fflush(file);
        edge_reply_file(request, 206, dup(fileno(file)), 3, 4);
        fclose(file);
    } else {
        char text[256];
        snprintf(text, sizeof(text), "%s|%s|%s|%.*s", edge_path(request),
                 edge_query(request, "q") ? edge_query(request, "q") : "-", edge_peer(request),
                 (int)len, body);
        edge_reply(request, 200, "text/plain", text, strlen(text));
    }
}

static struct edge_config config_small(void)
{
    return (struct edge_config){.listen = "127.0.0.1:0",
                                .header_max = 4096,
                                .body_max = 1000,
                                .connections_max = 50,
                                .connections_per_address_max = 20,
                                .idle_s = 2,
                                .request_s = 1};
}

static void start(const struct edge_config *config)
{
    memset(&t, 0, sizeof(t));
    t.base = event_base_new();
    struct err err = {0};
    ck_assert_msg(edge_create(t.base, config, on_request, NULL, &t.edge, &err) == 0, "%s",
                  err.text);
}

static void stop(void)
{
    edge_destroy(t.edge);
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    event_base_free(t.base);
}

static void turn(void)
{
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    poll(NULL, 0, 1);
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)edge_port(t.edge)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

enum until { UNTIL_CLOSED, UNTIL_QUIET };

static char answer[1 << 16];

// Reads until the server closes (or is quiet for 60 ms); returns how many bytes, -1 if it never ended.
static int receive(int fd, enum until until, int limit_ms)
{
    size_t len = 0;
    int quiet = 0;
    for (int ms = 0; ms < limit_ms; ms++) {
        turn();
        ssize_t n = recv(fd, answer + len, sizeof(answer) - 1 - len, MSG_DONTWAIT);
        if (n > 0) {
            len += (size_t)n;
            quiet = 0;
        } else if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            answer[len] = '\0';
            return (int)len;
        } else if (until == UNTIL_QUIET && ++quiet > 60) {
            answer[len] = '\0';
            return (int)len;
        }
    }
    answer[len] = '\0';
    return -1;
}

static void say(int fd, const char *bytes, size_t len)
{
    ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static int status_of(const char *text)
{
    int status = 0;
    sscanf(text, "HTTP/1.1 %d", &status);
    return status;
}

static void expect_refused(const char *bytes, size_t len, int status)
{
    int handled = t.handled;
    int fd = dial();
    say(fd, bytes, len);
    ck_assert_msg(receive(fd, UNTIL_CLOSED, 4000) >= 0, "not closed after: %.60s", bytes);
    ck_assert_msg(status_of(answer) == status, "%.80s\n->\n%s", bytes, answer);
    ck_assert_ptr_nonnull(strstr(answer, "application/problem+json"));
    ck_assert_ptr_nonnull(strstr(answer, "X-Request-Id: "));
    ck_assert_ptr_null(strstr(answer, "<HTML>"));
    ck_assert_ptr_null(strstr(answer, "text/html"));
    ck_assert_msg(t.handled == handled, "came through: %.80s", bytes);
    close(fd);
}

#define REFUSED(bytes, status) expect_refused(bytes, sizeof(bytes) - 1, status)

START_TEST(test_refuses_what_has_two_meanings)
{
    struct edge_config config = config_small();
    start(&config);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3,3\r\n\r\nabc", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nGET /", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", 400);
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\nHost: a\n\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", 400);
    REFUSED("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET //a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400);
    REFUSED("GET /\r\nHost: a\r\n\r\n", 400);
    REFUSED("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("\x16\x03\x01\x02\x00\r\n", 400);
    REFUSED("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    REFUSED("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405);
    REFUSED("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413);
    REFUSED("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413);
    stop();
}
END_TEST

START_TEST(test_refuses_a_target_that_decodes_badly)
{
    struct edge_config config = config_small();
    start(&config);
    static const char *const targets[] = {"/a%00b", "/a%0ab",    "/a%2fb", "/%ff",
                                          "/?a",    "/?a=1&a=2", "/?a=%00"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
        int fd = dial();
        say(fd, text, strlen(text));
        receive(fd, UNTIL_QUIET, 4000);
        ck_assert_msg(status_of(answer) == 400, "%s -> %s", targets[i], answer);
        ck_assert_ptr_nonnull(strstr(answer, "application/problem+json"));
        close(fd);
    }
    ck_assert_int_eq(t.handled, 0);
    stop();
}
END_TEST

START_TEST(test_answers_byte_by_byte_and_pipelined)
{
    struct edge_config config = config_small();
    config.request_s = 5;
    start(&config);
    int fd = dial();
    static const char one[] =
        "POST /a?q=x%20y+z HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t i = 0; i < sizeof(one) - 1; i++) {
        say(fd, one + i, 1);
        turn();
    }
    receive(fd, UNTIL_QUIET, 4000);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "/a|x y z|127.0.0.1|abc"));
    say(fd, GET_ROOT GET_ROOT GET_ROOT, 3 * (sizeof(GET_ROOT) - 1));
    receive(fd, UNTIL_QUIET, 4000);
    int answers = 0;
    for (const char *p = answer; (p = strstr(p, "HTTP/1.1 200")); p++) {
        answers++;
    }
    ck_assert_int_eq(answers, 3);
    ck_assert_int_eq(t.handled, 4);
    close(fd);
    stop();
}
END_TEST

START_TEST(test_answers_good_then_refuses_bad)
{
    struct edge_config config = config_small();
    start(&config);
    int fd = dial();
    static const char both[] =
        GET_ROOT "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc" GET_ROOT;
    say(fd, both, sizeof(both) - 1);
    ck_assert_int_ge(receive(fd, UNTIL_CLOSED, 5000), 0);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_int_eq(t.handled, 1);
    close(fd);
    stop();
}
END_TEST

START_TEST(test_bounds_the_head)
{
    struct edge_config config = config_small();
    start(&config);
    static char text[20000];
    int len = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + len, 'x', 10000);
    expect_refused(text, (size_t)len + 10000, 413);
    len = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 200; i++) {
        len += sprintf(text + len, "X%d: 1\r\n", i);
    }
    expect_refused(text, (size_t)len, 413);
    stop();
}
END_TEST

START_TEST(test_ends_slow_and_idle_connections)
{
    struct edge_config config = config_small();
    start(&config);
    int drip = dial();
    int silent = dial();
    int idle = dial();
    say(idle, GET_ROOT, sizeof(GET_ROOT) - 1);
    static const char head[] =
        "GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    size_t sent = 0;
    bool ended = false;
    double took = 0;
    while (!ended && took < 6) {
        if (sent < sizeof(head) - 1) {
            send(drip, head + sent++, 1, MSG_NOSIGNAL);
        }
        for (int i = 0; i < 100; i++) {
            turn();
        }
        ssize_t n = recv(drip, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        if (n > 0) {
            answer[n] = '\0';
            ended = true;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        took = (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
    }
    ck_assert_msg(ended && took < 3, "a dripping client lived %f s", took);
    ck_assert_int_eq(status_of(answer), 400);
    ck_assert_int_eq(receive(silent, UNTIL_CLOSED, 3000), 0);
    ck_assert_int_gt(receive(idle, UNTIL_CLOSED, 5000), 0);
    close(drip);
    close(silent);
    close(idle);
    stop();
}
END_TEST

START_TEST(test_caps_connections)
{
    struct edge_config config = config_small();
    config.request_s = 20;
    config.idle_s = 20;
    start(&config);
    int fds[30];
    for (int i = 0; i < 30; i++) {
        fds[i] = dial();
        turn();
    }
    int alive = 0;
    for (int i = 0; i < 30; i++) {
        say(fds[i], GET_ROOT, sizeof(GET_ROOT) - 1);
        int n = receive(fds[i], UNTIL_QUIET, 100);
        alive += n > 0;
    }
    ck_assert_int_eq(alive, 20);
    for (int i = 0; i < 30; i++) {
        close(fds[i]);
    }
    for (int i = 0; i < 50; i++) {
        turn();
    }
    int fd = dial();
    say(fd, GET_ROOT, sizeof(GET_ROOT) - 1);
    ck_assert_int_gt(receive(fd, UNTIL_QUIET, 2000), 0); // room again
    close(fd);
    stop();
}
END_TEST

START_TEST(test_a_late_answer_is_safe)
{
    struct edge_config config = config_small();
    start(&config);
    static const char hold[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int reset = 0; reset < 2; reset++) {
        int fd = dial();
        say(fd, hold, sizeof(hold) - 1);
        while (!t.held) {
            turn();
        }
        if (reset) {
            struct linger linger = {1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        }
        close(fd);
        for (int i = 0; i < 20; i++) {
            turn();
        }
        edge_reply(t.held, 200, "text/plain", "late", 4);
        t.held = NULL;
        for (int i = 0; i < 20; i++) {
            turn();
        }
    }
    // And one that is never answered: destroying the edge takes it back.
    int fd = dial();
    say(fd, hold, sizeof(hold) - 1);
    while (!t.held) {
        turn();
    }
    stop();
    close(fd);
}
END_TEST

static void on_drained(void *arg)
{
    t.drained = true;
}

START_TEST(test_drains)
{
    struct edge_config config = config_small();
    start(&config);
    static const char hold[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
    int idle = dial();
    say(idle, GET_ROOT, sizeof(GET_ROOT) - 1);
    receive(idle, UNTIL_QUIET, 1000);
    int busy = dial();
    say(busy, hold, sizeof(hold) - 1);
    while (!t.held) {
        turn();
    }
    edge_drain(t.edge, on_drained, NULL);
    ck_assert_int_ge(receive(idle, UNTIL_CLOSED, 1000), 0);
    ck_assert(!t.drained);
    edge_reply(t.held, 200, "text/plain", "done", 4);
    ck_assert_int_gt(receive(busy, UNTIL_CLOSED, 1000), 0);
    ck_assert_int_eq(status_of(answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    for (int i = 0; i < 50 && !t.drained; i++) {
        turn();
    }
    ck_assert(t.drained);
    close(idle);
    close(busy);
    stop();
}
END_TEST

START_TEST(test_upgrades)
{
    struct edge_config config = config_small();
    start(&config);
    int fd = dial();
    static const char upgrade[] =
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    say(fd, upgrade, sizeof(upgrade) - 1);
    receive(fd, UNTIL_QUIET, 2000);
    ck_assert_int_eq(status_of(answer), 101);
    ck_assert_ptr_nonnull(strstr(answer, "Upgrade: echo"));
    say(fd, "ping", 4);
    receive(fd, UNTIL_QUIET, 2000);
    ck_assert_str_eq(answer, "ping");
    bufferevent_free(t.upgraded);
    ck_assert_int_eq(receive(fd, UNTIL_CLOSED, 1000), 0);
    close(fd);
    stop();
}
END_TEST

START_TEST(test_sends_big_answers_and_files)
{
    struct edge_config config = config_small();
    start(&config);
    int fd = dial();
    static const char big[] = "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    say(fd, big, sizeof(big) - 1);
    size_t total = 0;
    for (int i = 0; i < 5000; i++) {
        turn();
        ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (n == 0) {
            break;
        }
        total += n > 0 ? (size_t)n : 0;
    }
    ck_assert_uint_gt(total, 4 << 20);
    close(fd);
    fd = dial();
    static const char file[] = "GET /file HTTP/1.1\r\nHost: a\r\n\r\n";
    say(fd, file, sizeof(file) - 1);
    receive(fd, UNTIL_QUIET, 2000);
    ck_assert_int_eq(status_of(answer), 206);
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n3456"));
    close(fd);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_refuses_what_has_two_meanings,
        test_refuses_a_target_that_decodes_badly,
        test_answers_byte_by_byte_and_pipelined,
        test_answers_good_then_refuses_bad,
        test_bounds_the_head,
        test_ends_slow_and_idle_connections,
        test_caps_connections,
        test_a_late_answer_is_safe,
        test_drains,
        test_upgrades,
        test_sends_big_answers_and_files,
        NULL,
    };
    return unit_run(unit_suite("edge", tests));
}
