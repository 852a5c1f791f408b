SELECT recorded FROM croft_mail_result($1::uuid, $2::int, $3::text, $4::int)
