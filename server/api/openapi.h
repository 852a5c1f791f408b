// docs/openapi.yaml, embedded at build by embed_text.py.
#pragma once

extern const char openapi_text[];
