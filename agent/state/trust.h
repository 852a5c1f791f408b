// What this node believes the control plane by: trust/ca.crt and trust/image.pub, written once by root
// when the node joins. The link process reads the first and can change neither.
#pragma once

#include "err.h"

#include <limits.h>

struct agent_config;

void trust_path(const struct agent_config *config, const char *name, char ret_path[PATH_MAX]);

// ca is PEM, image_key 64 hex digits (ERR_PROTOCOL if it is not).
int trust_store(const struct agent_config *config, const char *ca, const char *image_key,
                struct err *err) _must_check_;

// ERR_IMAGE when there is no key, or one that others than us could have written.
int trust_image_key(const struct agent_config *config, unsigned char ret_key[32],
                    struct err *err) _must_check_;
