// What is on disk of a guest's part of the nftables table: vps/<id>/filter, its commands and those that take them back;
// and vps/<id>/filter.refused, why nftables did not take them, while the guest is cut off (filter.c).
#pragma once

#include "spec.h"

struct agent_config;

// *ret_text is NULL when there is none. The caller frees it.
int filter_file_load(const struct agent_config *config, const char *vps, char **ret_text,
                     struct err *err) _must_check_;
// text NULL: there is to be none.
int filter_file_save(const struct agent_config *config, const char *vps, const char *text,
                     struct err *err) _must_check_;

// todo, and what takes it back, as filter_file_load() gives it. The caller frees it.
char *filter_file_compose(const struct vps_spec *spec, const char *todo);

// Of a text that was composed: the commands that take back what it did; and the guest's slot, -1 for none.
const char *filter_file_undo(const char *text);
int filter_file_slot(const char *text);

// *ret_why is NULL when the guest is not cut off. The caller frees it.
int filter_refused_load(const struct agent_config *config, const char *vps, char **ret_why,
                        struct err *err) _must_check_;
// why NULL: it is not refused any more.
int filter_refused_save(const struct agent_config *config, const char *vps, const char *why,
                        struct err *err) _must_check_;
