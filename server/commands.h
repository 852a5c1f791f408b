// The command line work of croft-server besides run and worker. Each returns the exit status and has
// said on standard error what went wrong; results go to standard output. argv[0] is the command's
// name for messages, the rest its own arguments (`--config F` already taken out). They may block and
// are never called from a process with an event loop.
#pragma once

struct server_config;

// `init`: CA, agent listener certificate, JWT key, image key.
int pki_init_main(const struct server_config *config, int argc, char **argv);

// `migrate`
int migrate_main(const struct server_config *config, int argc, char **argv);

// `admin operator --email E [--password-stdin]`
int admin_operator_main(const struct server_config *config, int argc, char **argv);

// `admin password-reset --email E --password-stdin`: a new password; every session ends.
int admin_password_reset_main(const struct server_config *config, int argc, char **argv);

// `admin totp-reset --email E`: no second factor any more.
int admin_totp_reset_main(const struct server_config *config, int argc, char **argv);

// `admin tenants|tenant-suspend|tenant-resume|quota-override|token-revoke|sessions-end …`: what cannot wait for the API.
int admin_emergency_main(const struct server_config *config, int argc, char **argv);

// `image add FILE --name N --os O [--arch A]`
int image_add_main(const struct server_config *config, int argc, char **argv);

// `image index [--url U] [--days N]`: the catalogue, signed, on standard output.
int image_index_main(const struct server_config *config, int argc, char **argv);

// `image import INDEX [NAME] [--arch A]`: what an index lists; or the body for POST /v1/admin/images of one of them.
int image_import_main(const struct server_config *config, int argc, char **argv);

// `verify quotas|billing`: argv[1] is which. 1 if there is a difference, 2 if it could not look.
int verify_main(const struct server_config *config, int argc, char **argv);
