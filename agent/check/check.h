// One run of `croft-agent check`. Each part adds its findings to the report, a JSON object that is what is kept; text
// and page are made from it (README.md says what is in it).
#pragma once

#include "subject.h"

#include <jansson.h>
#include <stdbool.h>

struct check {
    struct site site;
    struct subject subject; // who is measured, or misbehaves
    struct subject neighbour; // who suffers
    bool full;
    json_t *report;
};

// What the node's kernel lacks, and what follows.
void check_features(struct check *check);
// Whether software behaves as on a plain Debian.
int check_fidelity(struct check *check, struct err *err) _must_check_;
// Whether what must be refused is refused.
int check_escapes(struct check *check, struct err *err) _must_check_;
// Guest over host, in turns.
int check_efficiency(struct check *check, struct err *err) _must_check_;
// By how much a guest gets more than its limits.
int check_limits(struct check *check, struct err *err) _must_check_;
// What one processor of the node loses by the work of another, without any guest.
int check_machine(struct check *check, struct err *err) _must_check_;
// What a neighbour loses.
int check_neighbour(struct check *check, struct err *err) _must_check_;

// The last line, as text that JSON takes whatever a guest wrote.
json_t *check_text(const char *said);

enum verdict { VERDICT_GOOD, VERDICT_MISSED, VERDICT_BROKEN };

// Adds {"verdict", "reasons"} to the report: broken when a guest got what it must not (an escape, a limit that does not
// hold, a dead neighbour), missed when a wanted figure is not reached.
enum verdict check_judge(json_t *report);

// report_text.c, report_html.c: for people.
void report_print_text(const json_t *report, FILE *to);
void report_print_html(const json_t *report, FILE *to);
