SELECT p.*, set_config('role', p.db_role, true) AS switched
FROM croft_auth_session($1::uuid, $2::text, $3::uuid, $4::text, $5::text, $6::text, $7::text, $8::text[], $9::uuid) p
