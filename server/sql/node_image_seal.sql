SELECT croft_image_seal($1::uuid, $2::text, $3::bigint, $4::text) AS sealed
