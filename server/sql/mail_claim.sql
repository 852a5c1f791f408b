SELECT id, kind, to_address, args, attempts, created_at FROM croft_mail_claim($1::int, $2::int)
