#include "mail_text.h"

#include "json.h"
#include "macro.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

enum { ADDRESS_MAX = 254, LINE = 57, WORD = 45 };

// {name} stands for an argument; {link} for the link, {panel} for the panel's address.
static const struct template
{
    const char *kind, *subject, *path, *text;
}
templates[] = {
    {"invitation", "Invitation to {tenant}", "/invitations#",
     "You are invited to {tenant} as {role}.\n\nAccept here, until {expires_at}:\n{link}\n\n"
     "If you do not know why, do nothing.\n"},
    {"password_reset", "A new password", "/password-resets#",
     "Somebody, perhaps you, asked for a new password for this address.\n\nSet it here, within an "
     "hour:\n{link}\n\nIf it was not you, do nothing: your password stays as it is.\n"},
    {"password_changed", "Your password was changed", NULL,
     "Your password was changed, and every other session was ended.\n\nIf it was not you, ask for "
     "a new password at once.\n"},
    {"totp_enabled", "Second factor set up", NULL,
     "Signing in asks for a code from now on.\n\nIf it was not you, change your password.\n"},
    {"totp_disabled", "Second factor removed", NULL,
     "Signing in asks for no code any more.\n\nIf it was not you, change your password.\n"},
    {"impersonation", "Our staff act in {tenant}", NULL,
     "{staff} of our staff acts in {tenant}, until {expires_at} at the latest.\n\nThe reason: "
     "{reason}\n\nYou see the session among yours and may end it there; the audit log has what is "
     "done.\n"},
    {"traffic_warned", "80 % of your traffic of {month} is used", NULL,
     "{tenant} has used {used} GB of the {included} GB of traffic that its plans include in "
     "{month}.\n"},
    {"traffic_billed", "Your traffic of {month} is used up", NULL,
     "{tenant} has used {used} GB of traffic; its plans include {included} GB in {month}. What "
     "goes beyond is billed.\n"},
    {"traffic_throttled", "Your traffic of {month} is used up", NULL,
     "{tenant} has used {used} GB of traffic; its plans include {included} GB in {month}. Its vps "
     "are held to a lower rate until the month is over, or more is included.\n"},
    {"invoice", "Invoice {number} for {month}", NULL,
     "Invoice {number} of {tenant} for {month} comes to {total} {currency}; {open} {currency} of "
     "it "
     "is to be paid, until {due}.\n\nIt is among the invoices:\n{panel}/billing\n"},
    {"invoice_reminder", "Invoice {number} is overdue", NULL,
     "Invoice {number} of {tenant} for {month} was to be paid until {due}. {open} {currency} of it "
     "is open.\n\nIf it was paid in the meantime there is nothing to do. It is among the "
     "invoices:\n{panel}/billing\n"},
    {"overdue_suspended", "{tenant} is suspended", NULL,
     "Invoice {number} of {tenant} was to be paid until {due}; {open} {currency} of it is open: "
     "its vps are stopped.\n\nNothing is deleted. A payment starts them "
     "again:\n{panel}/billing\n"},
    {"credit_note", "Credit note {number}", NULL,
     "Credit note {number} of {tenant} gives {total} {currency} back. It corrects invoice "
     "{invoice}.\n\nThe reason: {reason}\n\nIt is among the invoices:\n{panel}/billing\n"},
    {"payment_received", "Payment of {amount} {currency}", NULL,
     "The payment {reference} of {amount} {currency} for {tenant} has come in. Thank you.\n"},
    {"prepaid_warned", "The balance of {tenant} is low", NULL,
     "{available} {currency} is left of the prepaid balance of {tenant}.\n\nPay in here before it "
     "is used up:\n{panel}/billing\n"},
    {"prepaid_grace", "The balance of {tenant} is used up", NULL,
     "The prepaid balance of {tenant} is {available} {currency}.\n\nWhat runs goes on until "
     "{until} "
     "and is stopped then. Pay in here:\n{panel}/billing\n"},
    {"prepaid_suspended", "{tenant} is suspended", NULL,
     "The prepaid balance of {tenant} is {available} {currency}: its vps are stopped.\n\nNothing "
     "is "
     "deleted before {until}. A payment starts them again:\n{panel}/billing\n"},
    {"prepaid_ended", "{tenant} is closed", NULL,
     "The prepaid balance of {tenant} was not paid up: what it has is deleted on "
     "{until}.\n\nUntil then a payment brings it back:\n{panel}/billing\n"},
};

bool mail_address_ok(const char *address)
{
    static const char local[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                ".!#$%&'*+-/=?^_`{|}~";
    static const char domain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t before = strspn(address, local);
    const char *at = address + before;
    return before > 0 && *at == '@' && strlen(address) <= ADDRESS_MAX && at[1] && at[1] != '-' &&
           at[1 + strspn(at + 1, domain)] == '\0' && address[0] != '-';
}

// The template with its arguments in it.
static void fill(const struct mail *mail, const struct template *template, const char *text,
                 FILE *out)
{
    while (*text) {
        size_t plain = strcspn(text, "{");
        fwrite(text, 1, plain, out);
        text += plain;
        if (*text == '{') {
            char name[32];
            size_t len = strcspn(text + 1, "}");
            snprintf(name, sizeof(name), "%.*s", (int)len, text + 1);
            if (strcmp(name, "link") == 0) {
                fprintf(out, "%s%s%s", mail->url, template->path, mail->token);
            } else if (strcmp(name, "panel") == 0) {
                fputs(mail->url, out);
            } else {
                fputs(json_get_string(mail->args, name, ""), out);
            }
            text += len + 2;
        }
    }
}

static char *filled(const struct mail *mail, const struct template *template, const char *text)
{
    char *value = NULL;
    size_t size;
    FILE *out = open_memstream(&value, &size);
    fill(mail, template, text, out);
    fclose(out);
    return value;
}

static void write_base64(FILE *out, const char *text, size_t len)
{
    char encoded[LINE / 3 * 4 + 1];
    sodium_bin2base64(encoded, sizeof(encoded), (const unsigned char *)text, len,
                      sodium_base64_VARIANT_ORIGINAL);
    fputs(encoded, out);
}

// Encoded words (RFC 2047), each of whole UTF-8 characters.
static void write_subject(FILE *out, const char *text)
{
    size_t left = strlen(text);
    fputs("Subject:", out);
    while (left > 0) {
        size_t len = left < WORD ? left : WORD;
        while (len < left && len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
        fputs(" =?utf-8?B?", out);
        write_base64(out, text, len);
        fputs(left > len ? "?=\r\n" : "?=", out);
        text += len;
        left -= len;
    }
    fputs("\r\n", out);
}

static void write_body(FILE *out, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        size_t len = left < LINE ? left : LINE;
        write_base64(out, text, len);
        fputs("\r\n", out);
        text += len;
        left -= len;
    }
}

static void write_head(FILE *out, const struct mail *mail)
{
    char date[64];
    struct tm tm;
    time_t created = (time_t)mail->created_at;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&created, &tm));
    fprintf(out,
            "Date: %s\r\nFrom: Croft <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@%s>\r\n"
            "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n",
            date, mail->from, mail->to, mail->id, strchr(mail->from, '@') + 1);
}

static const struct template *find_template(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        if (strcmp(templates[i].kind, kind) == 0) {
            return &templates[i];
        }
    }
    return NULL;
}

int mail_write(const struct mail *mail, char **ret_message, struct err *err)
{
    const struct template *template = find_template(mail->kind);
    if (!template || (template->path && !mail->token)) {
        return err_set(err, ERR_INVALID, "there is no mail of the kind %s", mail->kind);
    }
    if (!mail_address_ok(mail->to) || !mail_address_ok(mail->from)) {
        return err_set(err, ERR_INVALID, "the address cannot be mailed to");
    }
    _cleanup_free_ char *subject = filled(mail, template, template->subject);
    _cleanup_free_ char *text = filled(mail, template, template->text);
    size_t size;
    FILE *out = open_memstream(ret_message, &size);
    write_head(out, mail);
    write_subject(out, subject);
    fputs("\r\n", out);
    write_body(out, text);
    fclose(out);
    return 0;
}
