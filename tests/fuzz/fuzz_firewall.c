// A customer's firewall: whatever passes the gate becomes rules of the guest's own chain and nothing else.
#include "firewall.h"
#include "fuzz.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char start[] = "add rule inet croft in7 ";

static void check_line(const char *line, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789 .:/,{}-";
    FUZZ_CHECK(len > strlen(start) && memcmp(line, start, strlen(start)) == 0);
    FUZZ_CHECK(strspn(line, allowed) == len);
    bool ends = memcmp(line + len - 4, "drop", 4) == 0 || memcmp(line + len - 6, "return", 6) == 0;
    FUZZ_CHECK(ends);
}

static void check_rules(const struct firewall *firewall, enum firewall_direction direction)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    firewall_write(firewall, direction, "in7", out);
    fclose(out);
    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        check_line(line, len);
        line += len + (line[len] == '\n');
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *tree = NULL;
    struct err err = {0};
    struct firewall *firewall = NULL;
    if (json_read((const char *)data, size, JSON_DEPTH_MAX, &tree, &err) < 0 ||
        firewall_decode(tree, &firewall, &err) < 0) {
        FUZZ_CHECK(err.text[0] && !firewall);
        return 0;
    }
    if (firewall) {
        check_rules(firewall, FIREWALL_IN);
        check_rules(firewall, FIREWALL_OUT);
    }
    firewall_free(firewall);
    return 0;
}
