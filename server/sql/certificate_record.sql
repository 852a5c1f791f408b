SELECT croft_certificate_record($1::uuid, $2::text, $3::text, $4::text, $5::timestamptz) AS recorded
