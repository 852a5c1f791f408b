#include "frame.h"

#include "json.h"
#include "unit.h"

#include <string.h>
#include <sys/socket.h>

struct seen {
    int messages, closed;
    int64_t last;
};

static void on_message(json_t *message, void *arg)
{
    struct seen *seen = arg;
    seen->messages++;
    seen->last = json_get_int(message, "n", -1);
}

static void on_closed(const char *reason, void *arg)
{
    struct seen *seen = arg;
    seen->closed++;
}

static const struct frame_handlers handlers = {on_message, on_closed};

// Feeds bytes to a channel in pieces of `step` bytes; then closes the writing end.
static struct seen feed(const void *data, size_t len, size_t step)
{
    struct seen seen = {0};
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct event_base *base = event_base_new();
    struct frame_channel *channel = frame_channel_create(base, pair[0], &handlers, &seen);
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        ck_assert_int_eq(write(pair[1], (const char *)data + at, n), (ssize_t)n);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    close(pair[1]);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    frame_channel_destroy(channel);
    event_base_free(base);
    return seen;
}

START_TEST(frames_arrive_whole_however_they_are_cut)
{
    static const char two[] = "\0\0\0\007{\"n\":1}\0\0\0\007{\"n\":2}";
    for (size_t step = 1; step <= sizeof(two); step++) {
        struct seen seen = feed(two, sizeof(two) - 1, step);
        ck_assert_int_eq(seen.messages, 2);
        ck_assert_int_eq(seen.last, 2);
        ck_assert_int_eq(seen.closed, 1);
    }
}
END_TEST

START_TEST(what_is_not_a_frame_of_an_object_closes)
{
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        {"\0\0\0\0", 4},     {"\0\020\0\001", 4},   {"\377\377\377\377", 4},
        {"\0\0\0\002[]", 6}, {"\0\0\0\003{\"n", 7}, {"\0\0\0\017{\"n\":1,\"n\":2}  ", 19},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct seen seen = feed(bad[i].data, bad[i].len, 64);
        ck_assert_int_eq(seen.messages, 0);
        ck_assert_int_eq(seen.closed, 1);
    }
}
END_TEST

START_TEST(a_message_past_the_limit_is_not_sent)
{
    int pair[2];
    struct err err = {0};
    struct seen seen = {0};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct event_base *base = event_base_new();
    struct frame_channel *channel = frame_channel_create(base, pair[0], &handlers, &seen);
    _cleanup_free_ char *text = malloc(FRAME_MAX + 1);
    memset(text, 'a', FRAME_MAX);
    text[FRAME_MAX] = '\0';
    _cleanup_json_ json_t *message = json_pack("{s:s}", "text", text);
    ck_assert_int_eq(frame_send(channel, message, &err), ERR_TOO_LARGE);
    frame_channel_destroy(channel);
    event_base_free(base);
    close(pair[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {frames_arrive_whole_however_they_are_cut,
                                  what_is_not_a_frame_of_an_object_closes,
                                  a_message_past_the_limit_is_not_sent, NULL};
    return unit_run(unit_suite("frame", tests));
}
