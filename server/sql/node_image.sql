SELECT sha256, size FROM images WHERE sha256 = $1::text AND deleted_at IS NULL
