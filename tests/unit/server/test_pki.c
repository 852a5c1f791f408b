#include "config.h"
#include "file.h"
#include "pki.h"
#include "pki_cert.h"
#include "tls.h"
#include "unit.h"
#include "unit_pki.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define NODE "019a0000-0000-7000-8000-000000000001"

static char dir[64], pki_dir[80], key_file[80];
static struct server_config config;

static void setup(void)
{
    snprintf(dir, sizeof(dir), "/tmp/croft-init-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(pki_dir, sizeof(pki_dir), "%s/pki", dir);
    snprintf(key_file, sizeof(key_file), "%s/secrets.key", dir);
    config = (struct server_config){
        .state_dir = dir,
        .secrets.key_file = key_file,
        .pki_dir = pki_dir,
        .agents.listen = "127.0.0.1:8443",
        .agents.public_address = "croft.example.org:8443",
    };
}

static void teardown(void)
{
    unit_pki_shell("rm -rf \"$0\"", dir);
}

static void init(void)
{
    struct err err = {0};
    ck_assert_msg(pki_init(&config, &err) == 0, "%s", err.text);
}

static char *slurp(const char *name)
{
    char path[160];
    char *text = NULL;
    size_t len;
    struct err err;
    snprintf(path, sizeof(path), "%s/%s", pki_dir, name);
    ck_assert_msg(file_read(path, 65536, &text, &len, &err) == 0, "%s", err.text);
    return text;
}

static const char *const names[] = {"ca.crt",  "ca.key",    "agents.crt", "agents.key",
                                    "jwt.key", "image.key", "image.pub"};

START_TEST(a_second_init_changes_nothing)
{
    char *before[ARRAY_LEN(names)];
    init();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[160];
        struct stat st;
        before[i] = slurp(names[i]);
        snprintf(path, sizeof(path), "%s/%s", pki_dir, names[i]);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0600);
    }
    init();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_free_ char *after = slurp(names[i]);
        ck_assert_str_eq(before[i], after);
        free(before[i]);
    }
}
END_TEST

START_TEST(openssl_verifies_the_listener_and_its_names)
{
    init();
    ck_assert_int_eq(unit_pki_shell("cd \"$0\" && openssl verify -x509_strict -purpose sslserver "
                                    "-CAfile ca.crt -verify_hostname croft.example.org agents.crt "
                                    ">/dev/null",
                                    pki_dir),
                     0);
    ck_assert_int_eq(unit_pki_shell("cd \"$0\" && openssl verify -purpose sslserver -CAfile ca.crt "
                                    "-verify_ip 127.0.0.1 agents.crt >/dev/null",
                                    pki_dir),
                     0);
}
END_TEST

START_TEST(other_names_renew_the_listener_alone)
{
    init();
    _cleanup_free_ char *ca = slurp("ca.crt");
    _cleanup_free_ char *cert = slurp("agents.crt");
    _cleanup_free_ char *key = slurp("agents.key");
    config.agents.public_address = "other.example.org:8443";
    init();
    _cleanup_free_ char *new_ca = slurp("ca.crt");
    _cleanup_free_ char *new_cert = slurp("agents.crt");
    _cleanup_free_ char *new_key = slurp("agents.key");
    ck_assert_str_eq(ca, new_ca);
    ck_assert_str_eq(key, new_key);
    ck_assert_str_ne(cert, new_cert);
}
END_TEST

START_TEST(a_ca_without_its_key_is_not_replaced)
{
    init();
    _cleanup_free_ char *ca = slurp("ca.crt");
    ck_assert_int_eq(unit_pki_shell("rm \"$0\"/ca.key", pki_dir), 0);
    struct err err = {0};
    ck_assert_int_lt(pki_init(&config, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "ca.key"));
    _cleanup_free_ char *after = slurp("ca.crt");
    ck_assert_str_eq(ca, after);
}
END_TEST

// An init that ended too early, and one on a server whose key of secrets was lost.
START_TEST(a_key_of_secrets_is_made_before_the_ca_and_never_beside_one)
{
    ck_assert_int_eq(unit_pki_shell("mkdir -p \"$0\"/ca.crt", pki_dir), 0); // in the CA's way
    struct err err = {0};
    ck_assert_int_lt(pki_init(&config, &err), 0);
    ck_assert_int_ne(access(key_file, F_OK), 0);
    ck_assert_int_eq(unit_pki_shell("rmdir \"$0\"/ca.crt && mkdir \"$0\"/ca.key", pki_dir), 0);
    ck_assert_int_lt(pki_init(&config, &err), 0);
    ck_assert_int_eq(access(key_file, F_OK), 0);
    ck_assert_int_eq(unit_pki_shell("rmdir \"$0\"/ca.key", pki_dir), 0);
    init();
    ck_assert_int_eq(unlink(key_file), 0);
    ck_assert_int_eq(pki_init(&config, &err), ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, key_file));
    ck_assert_int_ne(access(key_file, F_OK), 0);
}
END_TEST

START_TEST(a_listener_without_any_name_is_refused)
{
    config.agents.public_address = NULL;
    config.agents.listen = "0.0.0.0:8443";
    struct err err = {0};
    ck_assert_int_eq(pki_init(&config, &err), ERR_INVALID);
}
END_TEST

static struct pki_ca *load(void)
{
    struct pki_ca *ca;
    struct err err = {0};
    init();
    ck_assert_msg(pki_ca_load(pki_dir, &ca, &err) == 0, "%s", err.text);
    return ca;
}

static X509 *parse(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(cert);
    return cert;
}

START_TEST(an_agent_certificate_names_its_node_and_nothing_that_was_asked_for)
{
    struct pki_ca *ca = load();
    struct err err = {0};
    _cleanup_free_ char *key = NULL;
    _cleanup_free_ char *csr = NULL;
    char spki[65], node[PKI_NODE_ID + 1], serial[PKI_SERIAL_HEX + 1];
    struct pki_certificate certificate = {0};
    ck_assert_int_eq(tls_make_csr("somebody-else", &key, &csr, &err), 0);
    ck_assert_int_eq(pki_csr_check(csr, spki, &err), 0);
    ck_assert_int_eq(pki_sign_agent(ca, csr, NODE, 3600, &certificate, &err), 0);
    X509 *cert = parse(certificate.pem);
    ck_assert_int_eq(pki_agent_identity(cert, node, serial, &err), 0);
    ck_assert_str_eq(node, NODE);
    ck_assert_str_eq(serial, certificate.serial);
    ck_assert_str_eq(spki, certificate.spki_sha256);
    ck_assert_int_eq(X509_get_extension_flags(cert) & EXFLAG_CA, 0);
    ck_assert_int_eq(X509_get_extended_key_usage(cert), XKU_SSL_CLIENT);
    X509_free(cert);
    pki_certificate_finish(&certificate);
    pki_ca_destroy(ca);
}
END_TEST

START_TEST(requests_that_are_not_a_p256_key_signed_by_itself_are_refused)
{
    struct err err = {0};
    char spki[65];
    ck_assert_int_eq(pki_csr_check("", spki, &err), ERR_INVALID);
    ck_assert_int_eq(pki_csr_check("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", spki, &err),
                     ERR_INVALID);
    ck_assert_int_eq(mkdir(pki_dir, 0700), 0);
    ck_assert_int_eq(unit_pki_shell("cd \"$0\" && openssl req -newkey rsa:2048 -nodes -keyout k "
                                    "-out rsa.csr -subj /CN=x 2>/dev/null && openssl req -newkey "
                                    "ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -out "
                                    "p384.csr -subj /CN=x 2>/dev/null",
                                    pki_dir),
                     0);
    _cleanup_free_ char *rsa = slurp("rsa.csr");
    _cleanup_free_ char *p384 = slurp("p384.csr");
    ck_assert_int_eq(pki_csr_check(rsa, spki, &err), ERR_INVALID);
    ck_assert_int_eq(pki_csr_check(p384, spki, &err), ERR_INVALID);
}
END_TEST

// Flips a bit of the signature: the last byte of the DER.
START_TEST(a_request_with_another_signature_is_refused)
{
    struct err err = {0};
    char spki[65];
    _cleanup_free_ char *key = NULL;
    _cleanup_free_ char *csr = NULL;
    ck_assert_int_eq(tls_make_csr("x", &key, &csr, &err), 0);
    BIO *bio = BIO_new_mem_buf(csr, -1);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(req, &der);
    X509_REQ_free(req);
    der[len - 1] ^= 1;
    const unsigned char *at = der;
    req = d2i_X509_REQ(NULL, &at, len);
    ck_assert_ptr_nonnull(req);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, req);
    BIO_write(bio, "", 1);
    char *pem;
    BIO_get_mem_data(bio, &pem);
    ck_assert_int_eq(pki_csr_check(pem, spki, &err), ERR_INVALID);
    BIO_free(bio);
    X509_REQ_free(req);
    OPENSSL_free(der);
}
END_TEST

START_TEST(an_image_signature_verifies_with_the_public_key)
{
    struct pki_ca *ca = load();
    struct err err = {0};
    char hex[PKI_IMAGE_SIGNATURE_HEX + 1];
    unsigned char signature[crypto_sign_BYTES], public_key[crypto_sign_PUBLICKEYBYTES];
    char sha256[65];
    memset(sha256, 'a', 64);
    sha256[64] = '\0';
    ck_assert_int_eq(pki_sign_image(pki_dir, sha256, 42, hex, &err), 0);
    sodium_hex2bin(signature, sizeof(signature), hex, 128, NULL, NULL, NULL);
    sodium_hex2bin(public_key, sizeof(public_key), pki_image_public_key(ca), 64, NULL, NULL, NULL);
    char text[128];
    int len = snprintf(text, sizeof(text), "croft-image-v1\n%s\n42\n", sha256);
    ck_assert_int_eq(crypto_sign_verify_detached(signature, (const unsigned char *)text,
                                                 (unsigned long long)len, public_key),
                     0);
    pki_ca_destroy(ca);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pki");
    TCase *cases = tcase_create("pki");
    tcase_set_timeout(cases, 30);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_second_init_changes_nothing);
    tcase_add_test(cases, openssl_verifies_the_listener_and_its_names);
    tcase_add_test(cases, other_names_renew_the_listener_alone);
    tcase_add_test(cases, a_ca_without_its_key_is_not_replaced);
    tcase_add_test(cases, a_key_of_secrets_is_made_before_the_ca_and_never_beside_one);
    tcase_add_test(cases, a_listener_without_any_name_is_refused);
    tcase_add_test(cases, an_agent_certificate_names_its_node_and_nothing_that_was_asked_for);
    tcase_add_test(cases, requests_that_are_not_a_p256_key_signed_by_itself_are_refused);
    tcase_add_test(cases, a_request_with_another_signature_is_refused);
    tcase_add_test(cases, an_image_signature_verifies_with_the_public_key);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
